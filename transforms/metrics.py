"""Names of the metrics; those of counts are the reference job's, so that dashboards and alerts go on working."""

import math

from apache_beam.metrics import Metrics

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
"""From the begin of an event's first table to the end of its last, in ms: a distribution, which a run reports."""

MERGE_LATENCY_BUCKETS = "merge-latency-ms-bucket"
"""The same for Prometheus, which sees no distribution: counters whose names begin so, for LATENCY_BOUNDS_MS."""

LATENCY_BOUNDS_MS = (25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, math.inf)
"""What the events of each bucket took at most, in ms; a bucket holds those of all smaller ones too."""

REPLAYED_EVENTS = "replayed-events-count"
"""Failed events that a replay has published and that are read again; failures less these still wait for one."""

HISTORY_ERRORS = "history-errors-count"
"""Events that user_merge_history lacks, since it could not be written; they are decided all the same."""

CASSANDRA_RETRIES = "cassandra-retries-count"
"""Attempts that were made again after an error of Cassandra that may pass, of any stage of any event."""

CASSANDRA_OUTAGES = "cassandra-outages-count"
"""Outages of Cassandra that began, as each worker sees them; where more began than ended, one is under way."""

CASSANDRA_OUTAGES_ENDED = "cassandra-outages-ended-count"
"""Outages of Cassandra that ended."""


class LatencyBuckets:
    """The counters of how many events took no longer than each of LATENCY_BOUNDS_MS."""

    def __init__(self) -> None:
        self._counters = tuple(
            (bound, Metrics.counter(NAMESPACE, f"{MERGE_LATENCY_BUCKETS}-{bound}")) for bound in LATENCY_BOUNDS_MS
        )

    def count(self, ms: float) -> None:
        """Count an event that took so long; all buckets appear with the first, as quantiles need them."""
        for bound, counter in self._counters:
            counter.inc(ms <= bound)
