"""Cassandra stopped in mid-run, and the run killed: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hamcrest import assert_that, equal_to, greater_than, has_length

from tests.streams import Stream
from tests.whole.conftest import MakeJob
from tests.whole.job import Job


def _stream(job: Job, seed: int, *, accounts: int = 225, events: int = 300) -> Stream:
    stream = Stream(job, seed, accounts=accounts, events=events)
    stream.publish()
    return stream


def _wait_until_merging(stream: Stream, process: subprocess.Popen[str], least: int) -> None:
    deadline = time.monotonic() + 120
    while stream.merged() < least:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


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
    stream = _stream(make_job(partitions=4), seed=1)
    with started(stream.job) as process:
        _wait_until_merging(stream, process, 20)

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
    stream = _stream(make_job(partitions=4), seed)
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
    stream = _stream(make_job(options=["--cassandra_retry_seconds=1"]), seed=5, accounts=30, events=40)
    with started(stream.job) as process:
        _wait_until_merging(stream, process, 5)
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
