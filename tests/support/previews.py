"""Previews in memory, with ids and values that are hard to show."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.operators.preview.accounts import Account, Merge
from pipeline.operators.preview.preview import Preview
from transforms.rules.changes import Change

SCRIPT = "<script>document.title='ran'</script>"
IMAGE = "<img src=/image onerror=document.title='ran'>"
OLD, NEW = "191e6b5a-8581-46bd-b779-b3b534984649", "4cd4c690-eab6-4938-855a-447c7b1b8ea9"
COURSE, BATCH = "do_31307361357558579213961", "0130736135755857921396"

ASKED_AT = datetime(2024, 4, 1, 12, 30, 0, 5_000, UTC)
_DAY = timedelta(days=1)


def account(id_: str, **changes: Any) -> Account:
    numbers = {
        "enrolments": 1,
        "enrolments_completed": 0,
        "contents": 2,
        "contents_completed": 1,
        "certificates": 0,
        "attempts": 1,
        "last_access": ASKED_AT - _DAY,
        "merges": (),
        "received": (),
    }
    return Account(id_, **numbers | changes)


def attempt(name: str, score: float) -> str:
    return json.dumps({"attempt_id": name, "content_id": "do_quiz", "score": score, "max_score": 10.0})


def changes(course: str = COURSE, to: str = NEW, content: str = "do_atoms") -> list[Change]:
    """One of each table, as a merge makes them."""
    key = {"userid": to, "courseid": course, "batchid": BATCH}
    aggregate = {"activity_type": "Course", "activity_id": course, "user_id": to, "context_id": f"cb:{BATCH}"}
    return [
        Change(
            "user_content_consumption",
            key | {"contentid": content},
            copied=True,
            columns={"status": (None, 2), "last_access_time": (None, ASKED_AT - _DAY)},
            unchanged={},
        ),
        Change(
            "user_content_merge_facts",
            key | {"originid": to, "fact": "c132bb877261dd450b85bd1fd14d6caf"},
            copied=True,
            columns={"mid": (None, ""), "recorded_on": (None, ASKED_AT), "viewcounts": (None, {content: 2})},
            unchanged={},
        ),
        Change(
            "user_enrolments",
            key,
            copied=False,
            columns={
                "active": (False, True),
                "contentstatus": ({content: 1, "do_same": 1}, {content: 2, "do_same": 1}),
                "issued_certificates": (None, [{"identifier": "cert-1", "name": "Completed"}]),
            },
            unchanged={"progress": 2, "addedby": "somebody"},
        ),
        Change(
            "user_activity_agg",
            aggregate,
            copied=False,
            columns={
                "agg_details": ([attempt("a1", 5.0)], [attempt("a1", 8.0), attempt("a2", 2.0)]),
                "aggregates": ({"score:do_quiz": 5.0}, {"score:do_quiz": 8.0}),
            },
            unchanged={"agg": {"completedCount": 1}},
        ),
    ]


def preview(from_: str = OLD, to: str = NEW, made: list[Change] | None = None, **accounts: Any) -> Preview:
    made = changes(to=to) if made is None else made
    return Preview(
        from_account=account(from_, merges=(Merge(to, ASKED_AT - _DAY),), **accounts),
        to_account=account(to),
        asked_at=ASKED_AT,
        course=None,
        changes=tuple(made),
        requests=((COURSE, BATCH),),
        follow_ups=(OLD.upper(),),
    )
