"""Three learners whose accounts are merged, the rows that they begin with, and the rows that they must end with.

Written with the columns of V1.145; a release has those that it knows, by its own names.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from faults.memory_tables import ACTIVITY_AGG, ASSESSMENTS, CONTENT_CONSUMPTION, ENROLMENTS
from tests.schemas.releases import NEWEST_NAMES, Release

Row = dict[str, Any]
Rows = dict[str, list[Row]]

EVENTS = [
    # Asha's first account was merged into her second before that was merged into her third, and comes after it.
    ("asha-2", "asha-3"),
    ("asha-1", "asha-2"),
    ("ravi-1", "ravi-2"),
    ("meena-1", "meena-2"),
]
"""(from account, to account), in the order of arrival."""

_CERTIFICATE, _ANOTHER = ({"identifier": i, "lastIssuedOn": "2021-01-01"} for i in ("cert-1", "cert-2"))
_TIMES = "last_access_time", "last_completed_time", "last_updated_time"


def _day(day: int) -> datetime:
    return datetime(2021, 3, day, 10)  # noqa: DTZ001 - as the driver returns timestamps


def _content(userid: str, contentid: str, day: int, **columns: Any) -> Row:
    text = f"2021-03-{day:02} 10:00:00:000+0000"
    texts = {column.replace("_", ""): text for column in _TIMES}
    key = {"userid": userid, "courseid": "c1", "batchid": "b1", "contentid": contentid}
    details = {"progressdetails": json.dumps({"day": day})}
    return {**key, "datetime": _day(day), **dict.fromkeys(_TIMES, _day(day)), **texts, **details, **columns}


def _enrolment(userid: str, day: int, **columns: Any) -> Row:
    key = {"userid": userid, "courseid": "c1", "batchid": "b1"}
    return {**key, "active": True, "enrolleddate": f"2021-03-{day:02} 10:00:00:000+0000"} | columns


def _aggregates(userid: str, **columns: Any) -> Row:
    return {"activity_type": "Course", "activity_id": "c1", "user_id": userid, "context_id": "cb:b1", **columns}


def _attempt(userid: str, attempt: str, day: int, score: float) -> Row:
    key = {"course_id": "c1", "batch_id": "b1", "user_id": userid, "content_id": "quiz", "attempt_id": attempt}
    return {**key, "last_attempted_on": _day(day), "total_score": score, "total_max_score": 10.0}


def _details(*attempts: str) -> list[str]:
    return [json.dumps({"attempt_id": attempt, "content_id": "quiz"}) for attempt in attempts]


def _numbers(completed: int, score: int, attempts: int) -> dict[str, int]:
    return {
        "completedCount": completed,
        "score:quiz": score,
        "max_score:quiz": 10,
        "attempts_count:quiz": attempts,
    }


def _floats(numbers: dict[str, int]) -> dict[str, float]:
    return {key: float(value) for key, value in numbers.items()}


TO_ACCOUNTS = "asha-3", "ravi-2", "meena-2"
"""Those that are merged into none."""

BEFORE: Rows = {
    CONTENT_CONSUMPTION: [
        _content(
            "asha-1", "k1", 3, viewcount=5, completedcount=1, status=2, progress=100, completionpercentage=100.0
        ),
        _content("asha-2", "k1", 2, viewcount=2, status=1, progress=30),
        _content("asha-2", "k2", 4, viewcount=3, status=1, progress=60),
        _content("asha-3", "k1", 1, viewcount=1, status=1, progress=10),
    ],
    ENROLMENTS: [
        _enrolment("asha-1", 1, status=2, contentstatus={"k1": 2}, certstatus=2, certificates=[_CERTIFICATE]),
        _enrolment("asha-2", 2, status=1, contentstatus={"k1": 1, "k2": 1}, certstatus=0),
        _enrolment("asha-3", 3, status=1, contentstatus={"k1": 1}),
        _enrolment(
            "ravi-1",
            5,
            status=1,
            progress=4,
            enrolled_date=_day(5),
            issued_certificates=[_CERTIFICATE],
            lastreadcontentid="k2",
            lastreadcontentstatus=2,
            lastcontentaccesstime=_day(6),
        ),
        _enrolment(
            "ravi-2",
            4,
            status=2,
            progress=2,
            enrolled_date=_day(4),
            issued_certificates=[_ANOTHER],
            lastreadcontentid="k3",
            lastreadcontentstatus=1,
            lastcontentaccesstime=_day(4),
        ),
        _enrolment("meena-1", 7, status=1, addedby="an admin"),
    ],
    ACTIVITY_AGG: [
        _aggregates(
            "ravi-1",
            agg=_numbers(3, 8, 2),
            aggregates=_floats(_numbers(3, 8, 2)),
            agg_details=_details("a1", "a2"),
        ),
        _aggregates(
            "ravi-2",
            agg=_numbers(2, 6, 1),
            aggregates=_floats(_numbers(1, 6, 1)),
            agg_details=_details("a3"),
        ),
        _aggregates("meena-1", agg={"completedCount": 1}),
    ],
    ASSESSMENTS: [
        _attempt("ravi-1", "a1", 5, 5.0),
        _attempt("ravi-1", "a2", 6, 8.0),
        _attempt("ravi-2", "a3", 4, 6.0),
    ],
}


def after(release: Release) -> Rows:
    """The rows of the to accounts at the end."""
    attempts = 3 if release.has(ACTIVITY_AGG, "agg_details") else 2
    # Without the time it is the side with the larger id.
    last_read = ("k2", 2) if release.has(ENROLMENTS, "lastcontentaccesstime") else ("k3", 1)
    asha_k1 = _content(
        "asha-3",
        "k1",
        3,
        viewcount=8,
        completedcount=1,
        status=2,
        progress=100,
        completionpercentage=100.0,
    )
    return {
        CONTENT_CONSUMPTION: [asha_k1, _content("asha-3", "k2", 4, viewcount=3, status=1, progress=60)],
        ENROLMENTS: [
            _enrolment(
                "asha-3",
                1,
                status=2,
                contentstatus={"k1": 2, "k2": 1},
                certstatus=2,
                certificates=[_CERTIFICATE],
            ),
            _enrolment(
                "ravi-2",
                4,
                status=2,
                progress=4,
                enrolled_date=_day(4),
                issued_certificates=[_ANOTHER, _CERTIFICATE],
                lastreadcontentid=last_read[0],
                lastreadcontentstatus=last_read[1],
                lastcontentaccesstime=_day(6),
            ),
            _enrolment("meena-2", 7, status=1, addedby="an admin"),
        ],
        ACTIVITY_AGG: [
            _aggregates(
                "ravi-2",
                agg=_numbers(3, 8, attempts),
                aggregates=_floats(_numbers(3, 8, attempts)),
                agg_details=_details("a3", "a1", "a2"),
            ),
            _aggregates("meena-2", agg={"completedCount": 1}, aggregates={"completedCount": 1.0}),
        ],
        ASSESSMENTS: [
            _attempt("ravi-2", "a1", 5, 5.0),
            _attempt("ravi-2", "a2", 6, 8.0),
            _attempt("ravi-2", "a3", 4, 6.0),
        ],
    }


def account(release: Release, name: str) -> str:
    """The account's id: all releases' rows are in one keyspace."""
    return f"{name} of {release.name}"


def as_of(release: Release, rows: Rows) -> Rows:
    """The rows with the accounts and the columns of the release, by its names."""
    return {table: [_as_of(release, table, row) for row in table_rows] for table, table_rows in rows.items()}


def _as_of(release: Release, table: str, row: Row) -> Row:
    newest_names = NEWEST_NAMES.get(table, {})
    named = {
        column if release.has(table, column) else newest_names.get(column, column): value
        for column, value in row.items()
    }
    return {
        column: account(release, value) if column in ("userid", "user_id") else value
        for column, value in named.items()
        if release.has(table, column)
    }
