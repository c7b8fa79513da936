"""The rows of an account, as the platform writes them, with values from a random generator."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import NamedTuple

from transforms.rules.rows import Row

CONTENT_CONSUMPTION = "user_content_consumption"
ENROLMENTS = "user_enrolments"
ACTIVITY_AGG = "user_activity_agg"
ASSESSMENTS = "assessment_aggregator"

FIRST_MS = 1_640_995_200_000  # 2022-01-01
_DATES = 4_096
_HOUR_MS = 3_600_000
_QUESTIONS = 5

Rows = dict[str, list[Row]]
"""Rows by table; timestamps are ms since the epoch."""


def account_id(rng: Random) -> str:
    """An id, as long as a real one."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


class AccountRows:
    """Makes the rows of accounts."""

    def __init__(self, rng: Random, *, contents: int, attempts: int) -> None:
        """Draw the dates that all rows share.

        Args:
            rng: where they come from.
            contents: of each course.
            attempts: at the assessment of each enrolment.
        """
        self._contents, self._attempts = contents, attempts
        self._dates = [
            _date(FIRST_MS + rng.randrange(15_000) * _HOUR_MS + rng.randrange(1_000)) for _ in range(_DATES)
        ]

    def of(self, rng: Random, account: str, courses: Sequence[tuple[str, str]]) -> Rows:
        """An account's rows of all tables.

        Args:
            rng: where their values come from.
            account: its id.
            courses: those that it is enrolled in, each with its batch.
        """
        return {
            CONTENT_CONSUMPTION: [
                self._content(rng, account, course, batch, f"{course}_{n:03}")
                for course, batch in courses
                for n in range(self._contents)
            ],
            ENROLMENTS: [self._enrolment(rng, account, course, batch) for course, batch in courses],
            ACTIVITY_AGG: [self._aggregate(rng, account, course, batch) for course, batch in courses],
            ASSESSMENTS: [
                self._attempt(rng, account, course, batch)
                for course, batch in courses
                for _ in range(self._attempts)
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
        progress = (draw >> 24) % (self._contents + 1)
        certificate = {
            "identifier": str(account_id(rng)),
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
            "completionpercentage": 100 * progress // max(1, self._contents),
            "contentstatus": {f"{course}_{n:03}": 1 + (draw >> n & 1) for n in range(self._contents)},
            "datetime": at,
            "enrolled_date": at,
            "enrolleddate": text,
            "issued_certificates": [certificate],
            "lastcontentaccesstime": later,
            "lastreadcontentid": f"{course}_{draw % max(1, self._contents):03}",
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


def _date(ms: int) -> tuple[int, str]:
    """A time as a timestamp and as a text in the platform's format."""
    text = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return ms, f"{text}:{ms % 1000:03}+0000"
