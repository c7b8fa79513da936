"""A small, realistic data set: three learners with two accounts each, and the events that merge them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

CHEMISTRY, CHEMISTRY_BATCH = "do_chemistry", "batch-chem-24"
QUIZ = "do_quiz"
ALGEBRA, ALGEBRA_BATCH = "do_algebra", "batch-alg-24"
POETRY, POETRY_BATCH = "do_poetry", "batch-poet-23"

PRIMARY_ACCOUNTS = {"asha-new": "Asha", "ravi-new": "Ravi", "meena-new": "Meena"}
"""The to account of each learner, and the learner's name."""

PREVIEWED = "asha-school", "asha-new"
"""The accounts of which the demo shows what a merge would do, before it merges them."""


def _day(day: int) -> datetime:
    return datetime(2024, 3, day, 10, tzinfo=UTC)


def _content(userid: str, course: tuple[str, str], contentid: str, day: int, **columns: Any) -> dict[str, Any]:
    accessed = _day(day)
    return {
        "userid": userid,
        "courseid": course[0],
        "batchid": course[1],
        "contentid": contentid,
        "last_access_time": accessed,
        "last_updated_time": accessed,
        "lastaccesstime": accessed.strftime("%Y-%m-%d %H:%M:%S:000+0000"),
        **columns,
    }


def _enrolment(userid: str, course: tuple[str, str], day: int, **columns: Any) -> dict[str, Any]:
    return {
        "userid": userid,
        "courseid": course[0],
        "batchid": course[1],
        "active": True,
        "enrolled_date": _day(day),
        "enrolleddate": _day(day).strftime("%Y-%m-%d %H:%M:%S:000+0000"),
        **columns,
    }


def _aggregate(userid: str, course: tuple[str, str], **columns: Any) -> dict[str, Any]:
    return {
        "activity_type": "Course",
        "activity_id": course[0],
        "user_id": userid,
        "context_id": f"cb:{course[1]}",
        **columns,
    }


def _attempt(attempt: str, contentid: str, day: int, score: float) -> str:
    return json.dumps(
        {
            "attempt_id": attempt,
            "last_attempted_on": int(_day(day).timestamp() * 1000),
            "score": score,
            "content_id": contentid,
            "max_score": 10.0,
            "type": "attempt_metrics",
        }
    )


def _assessment(userid: str, attempt: str, contentid: str, day: int, score: float) -> dict[str, Any]:
    return {
        "user_id": userid,
        "course_id": CHEMISTRY,
        "batch_id": CHEMISTRY_BATCH,
        "content_id": contentid,
        "attempt_id": attempt,
        "last_attempted_on": _day(day),
        "total_score": score,
        "total_max_score": 10.0,
        "grand_total": f"{score:g}/10",
    }


def _certificate(identifier: str, day: int) -> dict[str, str]:
    return {
        "identifier": identifier,
        "name": "Course completion certificate",
        "lastIssuedOn": _day(day).strftime("%Y-%m-%d"),
    }


_CHEM, _ALG, _POET = (CHEMISTRY, CHEMISTRY_BATCH), (ALGEBRA, ALGEBRA_BATCH), (POETRY, POETRY_BATCH)

ROWS: dict[str, list[dict[str, Any]]] = {
    "user_content_consumption": [
        # Asha began chemistry with her school account and went on with her own.
        _content("asha-school", _CHEM, "do_atoms", 2, status=2, progress=100, viewcount=5, completedcount=1),
        _content("asha-school", _CHEM, "do_bonds", 3, status=1, progress=60, viewcount=2),
        _content("asha-new", _CHEM, "do_atoms", 9, status=1, progress=30, viewcount=1),
        _content("asha-new", _CHEM, "do_acids", 10, status=2, progress=100, viewcount=3, completedcount=1),
        # Ravi finished algebra under his old account.
        _content("ravi-old", _ALG, "do_sets", 4, status=2, progress=100, viewcount=4, completedcount=2),
        _content("ravi-old", _ALG, "do_groups", 5, status=2, progress=100, viewcount=6, completedcount=1),
        _content("ravi-new", _CHEM, "do_atoms", 12, status=1, progress=10, viewcount=1),
        # Meena's second account has but one course.
        _content("meena-old", _POET, "do_sonnets", 6, status=1, progress=50, viewcount=2),
    ],
    "user_enrolments": [
        _enrolment("asha-school", _CHEM, 1, status=1, progress=2, contentstatus={"do_atoms": 2, "do_bonds": 1}),
        _enrolment("asha-new", _CHEM, 8, status=1, progress=2, contentstatus={"do_atoms": 1, "do_acids": 2}),
        _enrolment(
            "ravi-old",
            _ALG,
            1,
            status=2,
            progress=2,
            completionpercentage=100,
            completedon=_day(5),
            contentstatus={"do_sets": 2, "do_groups": 2},
            issued_certificates=[_certificate("cert-ravi-algebra", 6)],
        ),
        _enrolment("ravi-new", _ALG, 11, status=0, progress=0),
        _enrolment("ravi-new", _CHEM, 12, status=1, progress=1, contentstatus={"do_atoms": 1}),
        _enrolment("meena-old", _POET, 2, status=1, progress=1, contentstatus={"do_sonnets": 1}),
    ],
    "user_activity_agg": [
        _aggregate(
            "asha-school",
            _CHEM,
            agg={"completedCount": 1},
            aggregates={
                "completedCount": 1.0,
                "score:do_quiz": 8.0,
                "max_score:do_quiz": 10.0,
                "attempts_count:do_quiz": 2.0,
            },
            agg_details=[_attempt("a1", QUIZ, 2, 5.0), _attempt("a2", QUIZ, 3, 8.0)],
        ),
        _aggregate(
            "asha-new",
            _CHEM,
            agg={"completedCount": 1},
            aggregates={
                "completedCount": 1.0,
                "score:do_quiz": 6.0,
                "max_score:do_quiz": 10.0,
                "attempts_count:do_quiz": 1.0,
            },
            agg_details=[_attempt("a3", QUIZ, 9, 6.0)],
        ),
        _aggregate("ravi-old", _ALG, agg={"completedCount": 2}, aggregates={"completedCount": 2.0}),
        _aggregate("ravi-new", _CHEM, agg={"completedCount": 0}, aggregates={"completedCount": 0.0}),
        _aggregate("meena-old", _POET, agg={"completedCount": 0}),
    ],
    "assessment_aggregator": [
        _assessment("asha-school", "a1", QUIZ, 2, 5.0),
        _assessment("asha-school", "a2", QUIZ, 3, 8.0),
        _assessment("asha-new", "a3", QUIZ, 9, 6.0),
    ],
}

NEXT_ATTEMPT = _assessment("asha-new", "a4", QUIZ, 14, 4.0)
"""Asha's next attempt, after the merge."""


def _event(from_account: str, to_account: str) -> bytes:
    return json.dumps(
        {
            "eid": "BE_JOB_REQUEST",
            "ets": 1710000000000,
            "mid": f"LP.1710000000000.{from_account}",
            "actor": {"id": "Merge User Courses and Cert", "type": "System"},
            "context": {"pdata": {"ver": "1.0", "id": "org.sunbird.platform"}},
            "object": {"type": "MergeUserCoursesAndCert", "id": from_account},
            "edata": {
                "action": "merge-user-courses-and-cert",
                "fromAccountId": from_account,
                "toAccountId": to_account,
                "iteration": 1,
            },
        }
    ).encode()


EVENTS = [
    _event("asha-school", "asha-new"),
    _event("ravi-old", "ravi-new"),
    b'{"eid": "BE_JOB_REQUEST", "edata": {"fromAccountId": "meena',  # malformed: cut off
    _event("meena-new", "meena-new"),  # invalid: an account into itself
    _event("meena-old", "meena-new"),
]
