"""Names of the metrics; those of counts are the reference job's, so that dashboards and alerts go on working."""

NAMESPACE = "merge-user-courses"

TOTAL_EVENTS = "total-events-count"
"""Records read. It equals the sum of success, failed and skipped."""

SUCCESS_EVENTS = "success-events-count"
"""Events merged, with their sync requests and follow-ups made."""

FAILED_EVENTS = "failed-events-count"
"""Events whose merge failed: DATA_ERROR in the failed topic."""

SKIPPED_EVENTS = "skipped-event-count"
"""Inputs refused at parsing: ERR_MERGE_USER_COURSES_INVALID_EVENT in the failed topic."""

SYNC_REQUESTS = "db-update-user-course-batch"
"""Batch-enrolment-sync requests made."""

FOLLOW_UPS = "follow-up-events-count"
"""Follow-up events made, each of which comes back as an input event."""

MERGE_LATENCY = "merge-latency-ms"
"""From the begin of an event's first table to the end of its last, in ms."""
