"""Streams of merge events on a job, and what must be true once all is merged."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hamcrest import assert_that, equal_to

from tests.memory_tables import (
    ACTIVITY_AGG,
    CONTENT_CONSUMPTION,
    ENROLMENTS,
    KEYS,
    MERGE_LOG,
    Key,
    MemoryTables,
    comparable,
    merge_event,
)
from tests.transforms.events import message
from tests.whole.job import Job, Message
from transforms.elements import MergeEvent, Source
from transforms.messages import sync_request
from transforms.parse_merge_event import InvalidEventError, parse_merge_event
from transforms.rules.rows import Row

Rows = dict[str, list[Row]]
Pair = tuple[str, str]

_CONTENTS = 6
_COURSES = ("c1", "c2", "c3")
_START = datetime(2024, 1, 1)  # noqa: DTZ001 - as the driver returns timestamps


@dataclass(frozen=True)
class Group:
    """Accounts that are merged among each other only.

    Attributes:
        rows: their history before, by table.
        pairs: (from account, to account) of each event: chains, cycles and repeats.
    """

    rows: Rows
    pairs: list[Pair]


def groups(seed: int, accounts: int, events: int) -> list[Group]:
    """Groups of three to eight accounts, with as many events in all."""
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
        made.append(Group(_rows(draw, names), different + repeats))
    return made


def _pair(draw: random.Random, names: list[str]) -> Pair:
    from_account, to_account = draw.sample(names, 2)
    return from_account, to_account


def _rows(draw: random.Random, accounts: list[str]) -> Rows:
    rows: Rows = {CONTENT_CONSUMPTION: [], ENROLMENTS: [], ACTIVITY_AGG: []}
    for account in accounts:
        for course in draw.sample(_COURSES, 2):
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


@dataclass(frozen=True)
class Verdict:
    """What became of a stream.

    Attributes:
        lost: a sentence for each event that is neither merged nor failed, and each row that lacks something.
        doubled: a sentence for each event that is both, or made requests that no event explains, and each row
            that has too much.
        repeated_requests: how many sync requests came once more than their events did.
        lag: how many records the group has left.
    """

    lost: list[str]
    doubled: list[str]
    repeated_requests: int
    lag: int


class Stream:
    """A stream of events on a job, in no order, among them some that are no events.

    Attributes:
        job: the job.
        before: all rows of before, by table.
    """

    def __init__(self, job: Job, seed: int, *, accounts: int, events: int, malformed: int = 0) -> None:
        """Insert the accounts' rows; nothing is published yet.

        Args:
            job: the job that is to merge them.
            seed: decides everything.
            accounts: how many, in groups of three to eight.
            events: how many, of all groups together.
            malformed: how many records that are refused come on top.
        """
        self.job = job
        self._groups = groups(seed, accounts, events)
        self._draw = random.Random(seed)
        self.before: Rows = {
            table: [row for group in self._groups for row in group.rows[table]] for table in self._groups[0].rows
        }
        job.insert(self.before)
        self._records: list[Message] = [message(*pair) for group in self._groups for pair in group.pairs]
        self._records += [{"eid": "BE_JOB_REQUEST", "mid": f"malformed-{i}"} for i in range(malformed)]
        self._draw.shuffle(self._records)

    def publish(self, over_s: float = 0) -> None:
        """Publish all of it, at an even rate over so many seconds."""
        self.job.publish(self._records, over_s=over_s)

    def merged(self) -> int:
        """How many different pairs are in the merge log."""
        return len(list(self.job.session.execute(f"SELECT userid FROM {MERGE_LOG}")))

    def check(self, replayed: int = 0) -> None:
        """All is merged, once; of the events so many failed and were replayed since."""
        verdict = self.verdict(replayed)
        assert_that(verdict.lost + verdict.doubled, equal_to([]))
        assert_that(verdict.lag, equal_to(0))

    def verdict(self, replayed: int = 0) -> Verdict:
        """Compare every table, row by row, with a merge in memory, and every output with the inputs."""
        lost, doubled = _compare(comparable(self.job.rows()), self._expected())
        failed = {(event["source"]["partition"], event["source"]["offset"]) for event in self.job.failed()}
        requested = Counter(_uuid(request) for request in self.job.sync_requests())
        enrolled = {(row["userid"], row["courseid"]) for group in self._groups for row in group.rows[ENROLMENTS]}
        explained: Counter[str] = Counter()
        for record in self.job.records(self.job.input_topic):
            place, event = (record.partition, record.offset), _parsed(record)
            if isinstance(event, InvalidEventError):
                if place not in failed:
                    lost.append(f"the malformed record at {place} is not in the failed topic")
                failed.discard(place)
                continue
            for course in _COURSES:
                uuid = _uuid(sync_request(event, course, f"{course}-b", "", 0))
                explained[uuid] += 1
                # Any other enrolment comes to the accounts by other events, before or after this one.
                own = {(event.from_account, course), (event.to_account, course)} & enrolled
                if own and not requested[uuid]:
                    lost.append(f"{event.mid} at {place} made no request for {course}")
        if len(failed) != replayed:
            doubled += [f"the event at {place} is in the failed topic" for place in sorted(failed)]
        unexplained = sorted(requested.keys() - explained.keys())
        doubled += [f"no event explains the request {uuid}" for uuid in unexplained]
        repeated = sum(max(0, requested[uuid] - events) for uuid, events in explained.items())
        return Verdict(lost, doubled, repeated, self.job.lag())

    def _expected(self) -> dict[str, dict[Key, Row]]:
        expected: dict[str, dict[Key, Row]] = {table: {} for table in KEYS}
        for group in self._groups:
            oracle = MemoryTables(group.rows)
            oracle.merge_all(merge_event(*pair, mid=message(*pair)["mid"]) for pair in group.pairs)
            for table, rows in comparable(oracle.export()).items():
                expected[table] |= rows
        return expected


def _parsed(record: Any) -> MergeEvent | InvalidEventError:
    try:
        return parse_merge_event(record.value, Source(record.topic, record.partition, record.offset, 0))
    except InvalidEventError as e:
        return e


def _uuid(request: dict[str, Any]) -> str:
    uuid: str = request["mid"].rpartition(".")[2]
    return uuid


def _compare(
    actual: dict[str, dict[Key, Row]], expected: dict[str, dict[Key, Row]]
) -> tuple[list[str], list[str]]:
    """A sentence for each row that lacks something, and for each that has too much."""
    lost: list[str] = []
    doubled: list[str] = []
    for table in KEYS:
        for key in sorted(expected[table].keys() | actual[table].keys()):
            want, have = (dict(rows[table].get(key, {})) for rows in (expected, actual))
            if table == MERGE_LOG:  # of several ways to the same account, the mid of one is kept
                want.pop("mid", None), have.pop("mid", None)
            if want != have:
                more = not want or any(_is_more(have.get(column), want.get(column)) for column in have)
                (doubled if more else lost).append(f"{table} {key} is {have}, not {want}")
    return lost, doubled


def _is_more(have: Any, want: Any) -> bool:
    if isinstance(have, dict):
        return any(_is_more(value, (want or {}).get(key)) for key, value in have.items())
    return isinstance(have, int | float) and have > (want or 0)
