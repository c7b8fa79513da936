"""The workload: pairs of accounts to merge, of a given shape, the same for the same seed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from transforms.rules.rows import Row

CONTENT_CONSUMPTION = "user_content_consumption"
ENROLMENTS = "user_enrolments"
ACTIVITY_AGG = "user_activity_agg"
ASSESSMENTS = "assessment_aggregator"

_DATES = 4_096
_FIRST_MS = 1_640_995_200_000  # 2022-01-01
_HOUR_MS = 3_600_000
_QUESTIONS = 5

Rows = dict[str, list[Row]]
"""Rows by table; timestamps are ms since the epoch."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of both accounts of a pair; by default those of the speed issue.

    Attributes:
        enrolments: courses of the from account, each with one batch and one activity aggregate.
        contents: contents of each course.
        shared: how many of them the to account is enrolled in as well, with all their contents.
        own: courses of the to account alone.
        attempts: attempts at the assessment of each enrolment, of both accounts.
    """

    enrolments: int = 5
    contents: int = 20
    shared: int = 2
    own: int = 3
    attempts: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.shared <= self.enrolments:
            msg = f"{self.shared} of {self.enrolments} enrolments cannot be shared; give at most as many."
            raise ValueError(msg)

    @property
    def enrolments_after(self) -> int:
        """Enrolments of the to account after the merge, and so the sync requests of an event."""
        return self.enrolments + self.own


@dataclass(frozen=True, slots=True)
class Pair:
    """Two accounts of one learner.

    Attributes:
        from_account: its id, as long as a real one.
        to_account: the primary's id.
        from_rows: the from account's rows.
        to_rows: the to account's rows.
    """

    from_account: str
    to_account: str
    from_rows: Rows
    to_rows: Rows

    @property
    def mid(self) -> str:
        """The message id of the event that asks for their merge."""
        return f"LP.{_FIRST_MS}.{uuid.uuid5(uuid.NAMESPACE_URL, self.from_account + self.to_account)}"

    def event(self) -> bytes:
        """That event, as the user service publishes it."""
        return json.dumps(_event(self)).encode()


def _event(pair: Pair) -> dict[str, Any]:
    return {
        "eid": "BE_JOB_REQUEST",
        "ets": _FIRST_MS,
        "mid": pair.mid,
        "actor": {"id": "Merge User Courses and Cert", "type": "System"},
        "context": {
            "pdata": {"ver": "1.0", "id": "org.sunbird.platform"},
            "channel": "0123221758376673287017",
            "env": "bench",
        },
        "object": {"type": "MergeUserCoursesAndCert", "id": uuid.uuid5(uuid.NAMESPACE_URL, pair.mid).hex},
        "edata": {
            "action": "merge-user-courses-and-cert",
            "fromAccountId": pair.from_account,
            "toAccountId": pair.to_account,
            "rootOrgId": "0123221758376673287017",
            "iteration": 1,
        },
    }


class Workload:
    """Pairs of accounts without end, in groups that have no account in common."""

    def __init__(self, shape: Shape, seed: int, *, courses: int = 400) -> None:
        """Describe the pairs; each is made only when asked for.

        Args:
            shape: the sizes of the accounts.
            seed: another one gives other accounts and values of the same shape.
            courses: of the platform, from which each pair takes its own; more, if a pair has more.
        """
        self.shape = shape
        self.seed = seed
        rng = Random(seed)
        self._dates = [
            _date(_FIRST_MS + rng.randrange(15_000) * _HOUR_MS + rng.randrange(1_000)) for _ in range(_DATES)
        ]
        courses = max(courses, shape.enrolments_after)
        self._courses = [(f"do_{11_309_000_000_000 + n}{n:06}", f"0131{n:015}") for n in range(courses)]

    def pairs(self, group: str, count: int, start: int = 0) -> Iterator[Pair]:
        """The pairs of a group.

        Args:
            group: the name of what they are for.
            count: how many.
            start: the number of the first.
        """
        return (self.pair(group, number) for number in range(start, start + count))

    def pair(self, group: str, number: int) -> Pair:
        """One pair of a group, whichever others are made."""
        shape, rng = self.shape, Random(f"{self.seed}/{group}/{number}")
        courses = rng.sample(self._courses, shape.enrolments + shape.own)
        theirs, own = courses[: shape.enrolments], courses[shape.enrolments - shape.shared :]
        from_account, to_account = _account(rng), _account(rng)
        return Pair(
            from_account, to_account, self._rows(rng, from_account, theirs), self._rows(rng, to_account, own)
        )

    def _rows(self, rng: Random, account: str, courses: list[tuple[str, str]]) -> Rows:
        return {
            CONTENT_CONSUMPTION: [
                self._content(rng, account, course, batch, f"{course}_{n:03}")
                for course, batch in courses
                for n in range(self.shape.contents)
            ],
            ENROLMENTS: [self._enrolment(rng, account, course, batch) for course, batch in courses],
            ACTIVITY_AGG: [self._aggregate(rng, account, course, batch) for course, batch in courses],
            ASSESSMENTS: [
                self._attempt(rng, account, course, batch)
                for course, batch in courses
                for _ in range(self.shape.attempts)
            ],
        }

    def _content(self, rng: Random, account: str, course: str, batch: str, content: str) -> Row:
        draw = rng.getrandbits(40)
        (at, text), (later, later_text) = self._dates[draw % _DATES], self._dates[(draw >> 12) % _DATES]
        progress = (draw >> 24) % 101
        return {
            "userid": account,
            "courseid": course,
            "batchid": batch,
            "contentid": content,
            "completedcount": (draw >> 31) & 1,
            "completionpercentage": float(progress),
            "datetime": at,
            "last_access_time": later,
            "last_completed_time": at,
            "last_updated_time": later,
            "lastaccesstime": later_text,
            "lastcompletedtime": text,
            "lastupdatedtime": later_text,
            "progress": progress,
            "progressdetails": f'{{"max_size":{progress + 20},"current":["{progress}"],"mimeType":"video/mp4"}}',
            "status": 2 if progress == 100 else 1,
            "viewcount": 1 + ((draw >> 32) & 7),
        }

    def _enrolment(self, rng: Random, account: str, course: str, batch: str) -> Row:
        draw = rng.getrandbits(40)
        (at, text), (later, _) = self._dates[draw % _DATES], self._dates[(draw >> 12) % _DATES]
        progress = (draw >> 24) % (self.shape.contents + 1)
        certificate = {
            "identifier": str(_account(rng)),
            "name": "Course completion certificate",
            "token": f"T{draw % 100_000:05}",
            "lastIssuedOn": text,
        }
        return {
            "userid": account,
            "courseid": course,
            "batchid": batch,
            "active": True,
            "addedby": account,
            "certificates": [certificate],
            "certstatus": draw & 1,
            "completedon": later,
            "completionpercentage": 100 * progress // max(1, self.shape.contents),
            "contentstatus": {f"{course}_{n:03}": 1 + (draw >> n & 1) for n in range(self.shape.contents)},
            "datetime": at,
            "enrolled_date": at,
            "enrolleddate": text,
            "issued_certificates": [certificate],
            "lastcontentaccesstime": later,
            "lastreadcontentid": f"{course}_{draw % max(1, self.shape.contents):03}",
            "lastreadcontentstatus": 1 + (draw >> 30 & 1),
            "progress": progress,
            "status": 1 + (draw >> 31 & 1),
        }

    def _aggregate(self, rng: Random, account: str, course: str, batch: str) -> Row:
        draw = rng.getrandbits(40)
        at, content = self._dates[draw % _DATES][0], f"{course}_000"
        score, completed = draw % 11, draw >> 20 & 15
        attempts = [
            {
                "attempt_id": f"{draw + n:032x}",
                "last_attempted_on": at + n,
                "score": score,
                "content_id": content,
                "max_score": 10,
                "type": "attempt_metrics",
            }
            for n in range(2)
        ]
        numbers = {
            "completedCount": completed,
            f"score:{content}": score,
            f"max_score:{content}": 10,
            f"attempts_count:{content}": len(attempts),
        }
        return {
            "activity_type": "Course",
            "activity_id": course,
            "user_id": account,
            "context_id": f"cb:{batch}",
            "agg": {"completedCount": completed},
            "agg_details": [json.dumps(attempt) for attempt in attempts],
            "agg_last_updated": dict.fromkeys(numbers, at),
            "aggregates": {key: float(number) for key, number in numbers.items()},
        }

    def _attempt(self, rng: Random, account: str, course: str, batch: str) -> Row:
        draw = rng.getrandbits(128)
        at = self._dates[draw % _DATES][0]
        score = draw % (_QUESTIONS + 1)
        questions = [
            _Question(
                id=f"{course}_q{n:02}",
                assess_ts=at + n,
                max_score=1.0,
                score=float(n < score),
                type="mcq",
                title=f"Which of these four is question {n} about?",
                resvalues=[{"1": '{"text":"Element 1"}'}],
                params=[
                    {"1": '{"text":"Element 1"}'},
                    {"2": '{"text":"Element 2"}'},
                    {"answer": '{"correct":["1"]}'},
                ],
                description="",
                duration=Decimal(n),
            )
            for n in range(_QUESTIONS)
        ]
        return {
            "user_id": account,
            "course_id": course,
            "batch_id": batch,
            "content_id": f"{course}_000",
            "attempt_id": f"{draw:032x}",
            "created_on": at,
            "grand_total": f"{score}/{_QUESTIONS}",
            "last_attempted_on": at,
            "question": questions,
            "total_max_score": float(_QUESTIONS),
            "total_score": float(score),
            "updated_on": at,
        }


class _Question(NamedTuple):
    """A value of the type question."""

    id: str
    assess_ts: int
    max_score: float
    score: float
    type: str
    title: str
    resvalues: list[dict[str, str]]
    params: list[dict[str, str]]
    description: str
    duration: Decimal


def _account(rng: Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _date(ms: int) -> tuple[int, str]:
    """A time as a timestamp and as a text in the platform's format."""
    text = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return ms, f"{text}:{ms % 1000:03}+0000"
