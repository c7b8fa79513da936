"""The JSON messages that the pipeline publishes beside failed events; pure functions of their arguments."""

from __future__ import annotations

import json
import uuid
from typing import Any

from transforms.elements import MergeEvent
from transforms.parse_merge_event import ACTION
from transforms.rules.follow_ups import FollowUp

_SYNC_REQUESTS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:sunbird:merge-user-courses:sync-request")
_CONTEXT = {"pdata": {"ver": "1.0", "id": "org.sunbird.platform"}}


def sync_request(event: MergeEvent, courseid: str, batchid: str, action: str, now_ms: int) -> dict[str, Any]:
    """A request to recompute one enrolment of the to account (design.md, "batch-enrolment-sync requests").

    The uuid in the mid is derived from the event, the enrolment and the user, so that a request sent again after
    a restart can be recognised; the course is in it since two courses may have a batch of the same id.

    Args:
        event: the event that was merged.
        courseid: the enrolment's course.
        batchid: the enrolment's batch.
        action: the action that the consumer of the topic waits for.
        now_ms: the time of the request, in ms since the epoch.
    """
    user = event.to_account
    name = json.dumps([event.mid, event.from_account, user, courseid, batchid])
    return {
        "eid": "BE_JOB_REQUEST",
        "ets": now_ms,
        "mid": f"LP.{now_ms}.{uuid.uuid5(_SYNC_REQUESTS, name)}",
        "actor": {"id": "Course Batch Updater", "type": "System"},
        "context": _CONTEXT,
        "object": {"id": f"{batchid}_{user}", "type": "CourseBatchEnrolment"},
        "edata": {
            "action": action,
            "iteration": 1,
            "batchId": batchid,
            "userId": user,
            "courseId": courseid,
            "reset": ["completionPercentage", "status", "progress"],
        },
    }


def follow_up_event(event: MergeEvent, follow_up: FollowUp, now_ms: int) -> dict[str, Any]:
    """The merge event that carries late history on (design.md, "Order does not matter").

    Args:
        event: the event that brought the history to its to account.
        follow_up: where that account had been merged into before.
        now_ms: the time of the event, in ms since the epoch.
    """
    return merge_event(event.to_account, follow_up.into_account, follow_up.mid, now_ms, list(follow_up.path))


def merge_event(
    from_account: str, into_account: str, mid: str, now_ms: int, path: list[str] | None = None
) -> dict[str, Any]:
    """A merge event of the job's own.

    Args:
        from_account: the account to merge.
        into_account: the account to merge it into.
        mid: its message id.
        now_ms: the time of the event, in ms since the epoch.
        path: the accounts that a follow-up has passed; None for what is none.
    """
    return {
        "eid": "BE_JOB_REQUEST",
        "ets": now_ms,
        "mid": mid,
        "actor": {"id": "Merge User Courses and Cert", "type": "System"},
        "context": _CONTEXT,
        "object": {"type": "MergeUserCoursesAndCert", "id": f"{from_account}_{into_account}"},
        "edata": {
            "action": ACTION,
            "fromAccountId": from_account,
            "toAccountId": into_account,
            **({} if path is None else {"path": path}),
            "iteration": 1,
        },
    }
