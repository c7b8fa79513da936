"""Streams of merge events on a job, and what must be true once all is merged."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hamcrest import assert_that, equal_to

from faults.comparable_rows import comparable
from faults.events import message
from faults.groups import COURSES, Group, Rows, groups
from faults.job import Job, Message
from faults.judging import judged
from faults.learners import Learners
from faults.memory_tables import (
    CONTENT_CONSUMPTION,
    ENROLMENTS,
    KEYS,
    LEDGER,
    MERGE_LOG,
    Key,
    MemoryTables,
    merge_event,
)
from transforms.elements import MergeEvent, Source
from transforms.messages import sync_request
from transforms.parse_merge_event import InvalidEventError, parse_merge_event
from transforms.rules.rows import Row

_LARGE_BYTES = 1_000_000


@dataclass(frozen=True)
class Verdict:
    """What became of a stream.

    Attributes:
        lost: a sentence for each event that is neither merged nor failed, and each row that lacks something.
        doubled: a sentence for each event that is both, or made requests that no event explains, and each row
            that has too much.
        repeated_requests: how many sync requests came once more than their events did.
        lag: how many records the group has left.
        raced: how many views are missing that the platform wrote while the job merged into the same row, which
            docs/operations.md says may be lost.
        judged: a sentence for each thing that the job's own judge says is not as it should be.
    """

    lost: list[str]
    doubled: list[str]
    repeated_requests: int
    lag: int
    raced: int = 0
    judged: list[str] = field(default_factory=list)


class Stream:
    """A stream of events on a job, in no order, among them some that are no events.

    Attributes:
        job: the job.
        before: all rows of before, by table.
    """

    def __init__(
        self, job: Job, seed: int, *, accounts: int, events: int, malformed: int = 0, large: int = 0
    ) -> None:
        """Insert the accounts' rows; nothing is published yet.

        Args:
            job: the job that is to merge them.
            seed: decides everything.
            accounts: how many, in groups of three to eight.
            events: how many, of all groups together.
            malformed: how many records that are refused come on top.
            large: how many records of 1 MB that are refused come on top of these.
        """
        self.job = job
        self._learners: Learners | None = None
        self._groups = groups(seed, accounts, events)
        self._draw = random.Random(seed)
        self.before: Rows = {
            table: [row for group in self._groups for row in group.rows[table]] for table in self._groups[0].rows
        }
        job.insert(self.before)
        self._records: list[Message] = [message(*pair) for group in self._groups for pair in group.pairs]
        self._records += [{"eid": "BE_JOB_REQUEST", "mid": f"malformed-{i}"} for i in range(malformed)]
        self._records += [f"large-{i} ".encode().ljust(_LARGE_BYTES, b"\xff") for i in range(large)]
        self._draw.shuffle(self._records)

    def publish(self, over_s: float = 0) -> None:
        """Publish all of it, at an even rate over so many seconds."""
        self.job.publish(self._records, over_s=over_s)

    def repeat_for_learners(self) -> None:
        """Publish the merges into learners again, which mends totals that a learner's write has taken back."""
        learners = {group.learner for group in self._groups}
        pairs = [pair for group in self._groups for pair in group.pairs if pair[1] in learners]
        self.job.publish([message(*pair) for pair in pairs])

    def repeat_one(self) -> None:
        """Publish one of the merges again, which changes nothing."""
        pair = self._draw.choice(self._draw.choice(self._groups).pairs)
        self.job.publish([message(*pair)], partition=self._draw.randrange(self.job.partitions))

    def learn(self, clock_ahead_s: float = 0) -> Learners:
        """The learners of all groups, to be started and stopped; what they do is expected in the tables."""
        accounts = {group.learner for group in self._groups}
        rows = [row for row in self.before[CONTENT_CONSUMPTION] if row["userid"] in accounts]
        self._learners = Learners(self.job.session, rows, self._draw.randrange(1 << 30), clock_ahead_s)
        return self._learners

    def merged(self) -> int:
        """How many different pairs are in the merge log."""
        return len(list(self.job.session.execute(f"SELECT userid FROM {MERGE_LOG}")))

    def check(self, replayed: int = 0) -> None:
        """All is merged, once; of the events so many failed and were replayed since."""
        verdict = self.verdict(replayed)
        assert_that(verdict.lost + verdict.doubled + verdict.judged, equal_to([]))
        assert_that(verdict.lag, equal_to(0))

    def verdict(self, replayed: int = 0) -> Verdict:
        """Compare every table, row by row, with a merge in memory, and every output with the inputs."""
        views = self._learners.views + self._learners.unsure if self._learners else Counter[Key]()
        lost, doubled, raced = _compare(comparable(self.job.rows()), self._expected(), views)
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
            for course in COURSES:
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
        said = judged(self.job, (pair for group in self._groups for pair in group.pairs))
        return Verdict(lost, doubled, repeated, self.job.lag(), raced, said)

    def _expected(self) -> dict[str, dict[Key, Row]]:
        expected: dict[str, dict[Key, Row]] = {table: {} for table in KEYS}
        learnt = self._learners.rows() if self._learners else {}
        for group in self._groups:
            oracle = MemoryTables(_with_learnt(group, learnt))
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


def _with_learnt(group: Group, learnt: Rows) -> Rows:
    """The group's rows of before, with what its learner did since, as if all of it had come before the merges."""
    rows = {table: {_key(table, row): dict(row) for row in table_rows} for table, table_rows in group.rows.items()}
    for table, table_rows in learnt.items():
        for row in table_rows:
            if row["userid"] == group.learner:
                before = rows[table][_key(table, row)]
                views = {"viewcount": before["viewcount"] + row["viewcount"]} if "viewcount" in row else {}
                before |= row | views
    return {table: list(by_key.values()) for table, by_key in rows.items()}


def _key(table: str, row: Row) -> Key:
    return tuple(row[column] for column in KEYS[table])


def _compare(
    actual: dict[str, dict[Key, Row]], expected: dict[str, dict[Key, Row]], learnt: Counter[Key]
) -> tuple[list[str], list[str], int]:
    """A sentence for each row that lacks something, and for each that has too much; and how many views were raced.

    Args:
        actual: the tables.
        expected: what is to be in them.
        learnt: how many views the platform has written meanwhile, by row of user_content_consumption.
    """
    lost: list[str] = []
    doubled: list[str] = []
    raced = 0
    for table in KEYS:
        for key in sorted(expected[table].keys() | actual[table].keys()):
            want, have = (dict(rows[table].get(key, {})) for rows in (expected, actual))
            if table == MERGE_LOG:  # of several ways to the same account, the mid of one is kept
                want.pop("mid", None), have.pop("mid", None)
            if table == LEDGER and key[0] == key[3] and "viewcounts" in have:
                # What an account has counted itself is recorded when something is merged into it, and grows after.
                have["viewcounts"] = {
                    content: _with_later(
                        count, want.get("viewcounts", {}).get(content, 0), learnt[*key[:3], content]
                    )
                    for content, count in have["viewcounts"].items()
                }
            if table == CONTENT_CONSUMPTION and "viewcount" in have:
                counted = have["viewcount"]
                have["viewcount"] = _with_later(counted, want.get("viewcount", 0), learnt[key])
                raced += have["viewcount"] - counted
            if want != have:
                more = not want or any(_is_more(have.get(column), want.get(column)) for column in have)
                (doubled if more else lost).append(f"{table} {key} is {have}, not {want}")
    return lost, doubled, raced


def _with_later(count: int, want: int, learnt: int) -> int:
    """A count with the views that it lacks, if the platform wrote as many meanwhile."""
    return want if 0 < want - count <= learnt else count


def _is_more(have: Any, want: Any) -> bool:
    if isinstance(have, dict):
        return any(_is_more(value, (want or {}).get(key)) for key, value in have.items())
    return isinstance(have, int | float) and have > (want or 0)
