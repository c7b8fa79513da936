"""Cassandra stopped in mid-run, and the run killed: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hamcrest import assert_that, equal_to, greater_than, has_length

from faults.job import Job
from faults.streams import Stream
from tests.whole.conftest import MakeJob


def _stream(job: Job, seed: int, *, accounts: int = 225, events: int = 300) -> Stream:
    stream = Stream(job, seed, accounts=accounts, events=events)
    stream.publish()
    return stream


@dataclass(frozen=True)
class _Run:
    """The command, running, and the file of what it says."""

    process: subprocess.Popen[str]
    output: Path

    def check_runs(self) -> None:
        assert self.process.poll() is None, self.output.read_text()

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Wait while it runs, and leave it the time to."""
        deadline = time.monotonic() + 120
        while not reached():
            self.check_runs()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)
        self.check_runs()

    def end(self) -> None:
        assert self.process.wait(timeout=240) == 0, self.output.read_text()


@contextmanager
def started(job: Job, folder: Path) -> Iterator[_Run]:
    """The command, running; whatever is left of it at the end is killed."""
    output = folder / "output.txt"
    with output.open("w") as stdout:
        process = job.start(stdout)
    try:
        yield _Run(process, output)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_run_during_which_cassandra_is_killed_and_started_again_merges_all(
    make_job: MakeJob, cassandra_service: Any, tmp_path: Path
) -> None:
    stream = _stream(make_job(partitions=4), seed=1)
    with started(stream.job, tmp_path) as run:
        run.wait_until(lambda: stream.merged() >= 20)

        cassandra_service.kill()
        time.sleep(5)
        run.check_runs()
        cassandra_service.start()
        cassandra_service.wait_ready()

        run.end()
    stream.check()


def test_a_run_that_is_killed_again_and_again_is_made_good_by_the_next(make_job: MakeJob, tmp_path: Path) -> None:
    stream = _stream(make_job(partitions=4), seed=2)
    for reached in (
        lambda: stream.merged() > 0,
        lambda: stream.merged() > 50,
        lambda: bool(stream.job.sync_requests()),  # so that the first outputs are written
    ):
        with started(stream.job, tmp_path) as run:
            run.wait_until(reached)

    stream.job.run()

    stream.check()


def test_events_that_cassandra_could_not_take_in_time_are_in_the_failed_topic_and_can_be_merged_later(
    make_job: MakeJob, cassandra_service: Any, tmp_path: Path
) -> None:
    stream = _stream(make_job(options=["--cassandra_retry_seconds=1"]), seed=5, accounts=30, events=40)
    with started(stream.job, tmp_path) as run:
        run.wait_until(lambda: stream.merged() >= 5)
        cassandra_service.kill()
        try:
            run.end()
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
