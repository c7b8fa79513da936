"""Accounts that are merged among each other, with their history: what the events of a stream are about."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from faults.memory_tables import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS
from transforms.rules.rows import Row

Rows = dict[str, list[Row]]
Pair = tuple[str, str]

COURSES = ("c1", "c2", "c3")
_CONTENTS = 6
_START = datetime(2024, 1, 1)  # noqa: DTZ001 - as the driver returns timestamps


@dataclass(frozen=True)
class Group:
    """Accounts that are merged among each other only.

    Attributes:
        rows: their history before, by table.
        pairs: (from account, to account) of each event: chains, cycles and repeats.
        learner: an account that others are merged into, and that is merged into none.
    """

    rows: Rows
    pairs: list[Pair]
    learner: str


def groups(seed: int, accounts: int, events: int) -> list[Group]:
    """Groups of three to eight accounts, with as many events in all; the last of a group is its learner."""
    draw = random.Random(seed)
    made: list[Group] = []
    first = published = 0
    while first < accounts:
        size = min(draw.randint(3, 8), accounts - first)
        size += accounts - first - size if accounts - first - size < 2 else 0  # nobody has nobody to merge with
        names = [f"a{first + i}" for i in range(size)]
        first += size
        share = events * first // accounts - published
        published += share
        different = [_pair(draw, names) for _ in range(min(share, size + size // 2))]
        repeats = [draw.choice(different) for _ in range(share - len(different))]
        made.append(Group(_rows(draw, names), different + repeats, names[-1]))
    return made


def _pair(draw: random.Random, names: list[str]) -> Pair:
    """Two accounts, of which the last is never the from account."""
    from_account = draw.choice(names[:-1])
    return from_account, draw.choice([name for name in names if name != from_account])


def _rows(draw: random.Random, accounts: list[str]) -> Rows:
    rows: Rows = {CONTENT_CONSUMPTION: [], ENROLMENTS: [], ACTIVITY_AGG: []}
    for account in accounts:
        for course in draw.sample(COURSES, 2):
            enrolment = {"userid": account, "courseid": course, "batchid": f"{course}-b"}
            rows[ENROLMENTS].append({**enrolment, "status": draw.randrange(3), "active": draw.random() < 0.5})
            for content in draw.sample(range(_CONTENTS), _CONTENTS // 2):
                rows[CONTENT_CONSUMPTION].append(
                    {
                        **enrolment,
                        "contentid": f"k{content}",
                        "viewcount": draw.randrange(1, 9),
                        "completedcount": draw.randrange(3),
                        "last_access_time": _START + timedelta(minutes=draw.randrange(10_000)),
                    }
                )
            rows[ACTIVITY_AGG].append(
                {
                    "activity_type": "Course",
                    "activity_id": course,
                    "user_id": account,
                    "context_id": f"cb:{course}-b",
                    "aggregates": {"completedCount": float(draw.randrange(9))},
                }
            )
    return rows
