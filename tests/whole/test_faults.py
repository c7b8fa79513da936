"""Cassandra stopped in mid-run, and the run killed: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hamcrest import assert_that, equal_to, greater_than, has_length

from tests.memory_tables import (
    ACTIVITY_AGG,
    CONTENT_CONSUMPTION,
    ENROLMENTS,
    KEYS,
    MERGE_LOG,
    MemoryTables,
    comparable,
    merge_event,
)
from tests.transforms.events import message
from tests.whole.conftest import MakeJob
from tests.whole.job import Job

ACCOUNTS_A_GROUP, EVENTS_A_GROUP = 3, 4
CONTENTS = 6

START = datetime(2024, 1, 1)  # noqa: DTZ001 - as the driver returns timestamps

Rows = dict[str, list[dict[str, Any]]]


def _rows(seed: int, groups: int) -> Rows:
    draw = random.Random(seed)
    rows: Rows = {CONTENT_CONSUMPTION: [], ENROLMENTS: [], ACTIVITY_AGG: []}
    for i in range(groups * ACCOUNTS_A_GROUP):
        for course in draw.sample(("c1", "c2", "c3"), 2):
            enrolment = {"userid": f"a{i}", "courseid": course, "batchid": f"{course}-b"}
            rows[ENROLMENTS].append({**enrolment, "status": draw.randrange(3), "active": draw.random() < 0.5})
            for content in draw.sample(range(CONTENTS), CONTENTS // 2):
                rows[CONTENT_CONSUMPTION].append(
                    {
                        **enrolment,
                        "contentid": f"k{content}",
                        "viewcount": draw.randrange(1, 9),
                        "completedcount": draw.randrange(3),
                        "last_access_time": START + timedelta(minutes=draw.randrange(10_000)),
                    }
                )
            rows[ACTIVITY_AGG].append(
                {
                    "activity_type": "Course",
                    "activity_id": course,
                    "user_id": f"a{i}",
                    "context_id": f"cb:{course}-b",
                    "aggregates": {"completedCount": float(draw.randrange(9))},
                }
            )
    return rows


def _pairs(seed: int, groups: int) -> list[tuple[str, str]]:
    """Chains, cycles and repeats within groups of accounts, in no order."""
    draw = random.Random(seed)
    pairs = []
    for group in range(groups):
        accounts = [f"a{group * ACCOUNTS_A_GROUP + i}" for i in range(ACCOUNTS_A_GROUP)]
        of_group = [tuple(draw.sample(accounts, 2)) for _ in range(EVENTS_A_GROUP - 1)]
        pairs += [*of_group, of_group[0]]
    draw.shuffle(pairs)
    return pairs


class Stream:
    """A stream of events on a job, and what must be true once it is merged."""

    def __init__(self, job: Job, seed: int, groups: int = 75) -> None:
        self.job = job
        self.before = _rows(seed, groups)
        self.pairs = _pairs(seed, groups)
        job.insert(self.before)
        job.publish([message(*pair) for pair in self.pairs])

    def merged(self) -> int:
        """How many different pairs are in the merge log."""
        return len(list(self.job.session.execute(f"SELECT userid FROM {MERGE_LOG}")))

    def wait_until_merging(self, process: subprocess.Popen[str], least: int) -> None:
        deadline = time.monotonic() + 120
        while self.merged() < least:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def check(self, failed: int = 0) -> None:
        """Every table equals an undisturbed merge in memory; each sync request is there; no lag is left.

        Args:
            failed: how many failed events there are, of what was replayed since.
        """
        oracle = MemoryTables(self.before)
        oracle.merge_all(merge_event(*pair, mid=message(*pair)["mid"]) for pair in self.pairs)
        expected, actual = comparable(oracle.export()), comparable(self.job.rows())
        for table in KEYS:
            ignored = {"mid"} if table == MERGE_LOG else set()
            assert_that(_without(actual[table], ignored), equal_to(_without(expected[table], ignored)), table)
        requested = {(r["edata"]["userId"], r["edata"]["courseId"]) for r in self.job.sync_requests()}
        to_accounts = {to_account for _, to_account in self.pairs}
        enrolled = {(row["userid"], row["courseid"]) for row in oracle.export()[ENROLMENTS]}
        assert_that(requested, equal_to({(user, course) for user, course in enrolled if user in to_accounts}))
        assert_that(self.job.failed(), has_length(failed))
        assert_that(self.job.lag(), equal_to(0))


def _without(rows: dict[Any, dict[str, Any]], columns: set[str]) -> dict[Any, dict[str, Any]]:
    return {key: {c: value for c, value in row.items() if c not in columns} for key, row in rows.items()}


@contextmanager
def started(job: Job) -> Iterator[subprocess.Popen[str]]:
    """The command, running; whatever is left of it at the end is killed."""
    process = job.start()
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _end(process: subprocess.Popen[str]) -> None:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output


def test_a_run_during_which_cassandra_is_killed_and_started_again_merges_all(
    make_job: MakeJob, cassandra_service: Any
) -> None:
    stream = Stream(make_job(partitions=4), seed=1)
    with started(stream.job) as process:
        stream.wait_until_merging(process, 20)

        cassandra_service.kill()
        time.sleep(5)
        assert process.poll() is None, process.communicate()[0]
        cassandra_service.start()
        cassandra_service.wait_ready()

        _end(process)
    stream.check()


@pytest.mark.parametrize(
    ("seed", "reached"),
    [
        (2, lambda stream: stream.merged() > 0),
        (3, lambda stream: stream.merged() > 50),
        (4, lambda stream: bool(stream.job.sync_requests())),
    ],
    ids=["after the first merges", "in the middle", "when the first outputs are written"],
)
def test_a_run_that_is_killed_is_made_good_by_the_next(
    seed: int, reached: Callable[[Stream], bool], make_job: MakeJob
) -> None:
    stream = Stream(make_job(partitions=4), seed)
    with started(stream.job) as process:
        deadline = time.monotonic() + 120
        while not reached(stream) and process.poll() is None:
            assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[0]

    stream.job.run()

    stream.check()


def test_events_that_cassandra_could_not_take_in_time_are_in_the_failed_topic_and_can_be_merged_later(
    make_job: MakeJob, cassandra_service: Any
) -> None:
    stream = Stream(make_job(options=["--cassandra_retry_seconds=1"]), seed=5, groups=10)
    with started(stream.job) as process:
        stream.wait_until_merging(process, 5)
        cassandra_service.kill()
        try:
            _end(process)
        finally:
            cassandra_service.start()
            cassandra_service.wait_ready()

    failed = stream.job.failed()
    assert_that(len(failed), greater_than(0))
    assert_that({event["failInfo"]["errorCode"] for event in failed}, equal_to({"DATA_ERROR"}))
    sources = [(event["source"]["partition"], event["source"]["offset"]) for event in failed]
    assert_that(sources, has_length(len(set(sources))))
    assert_that(stream.job.lag(), equal_to(0))

    stream.job.publish(
        [{k: v for k, v in e.items() if k not in {"jobName", "failInfo", "source"}} for e in failed]
    )
    stream.job.run()
    assert_that(stream.job.failed(), has_length(len(failed)))
    assert_that(stream.job.lag(), equal_to(0))
