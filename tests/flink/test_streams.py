"""The job on a Flink cluster, in mid-stream: stopped and resumed, and what it runs on killed."""

from __future__ import annotations

import time

import pytest
from hamcrest import assert_that, equal_to, greater_than

from tests.flink.conftest import CHECKPOINTS_EVERY_S, TestCluster, wait_until
from tests.streams import Stream
from tests.whole.conftest import MakeJob
from tests.whole.job import Job

pytestmark = pytest.mark.usefixtures("ends_jobs")

ACCOUNTS, EVENTS = 300, 400


def _wait_until_done(job: Job) -> None:
    """Wait until all offsets are committed, those of follow-ups too."""

    def done() -> bool:
        if job.lag():
            return False
        time.sleep(CHECKPOINTS_EVERY_S)
        return not job.lag()

    wait_until(done)


def test_a_stream_merges_as_in_memory_and_its_offsets_are_committed(
    cluster: TestCluster, make_job: MakeJob
) -> None:
    job = make_job(partitions=4)
    cluster.submit(job)

    stream = Stream(job, seed=11, accounts=750, events=1_000)
    stream.publish()
    _wait_until_done(job)

    stream.check()


def test_a_job_that_is_stopped_in_mid_stream_and_resumed_loses_and_doubles_nothing(
    cluster: TestCluster, make_job: MakeJob
) -> None:
    job = make_job(partitions=4)
    job_id = cluster.submit(job)
    stream = Stream(job, seed=12, accounts=ACCOUNTS, events=EVENTS)
    stream.publish()
    wait_until(lambda: stream.merged() > 100)

    savepoint = cluster.rest.stop_with_savepoint(job_id)

    assert_that(cluster.rest.job(job_id).state, equal_to("FINISHED"))
    assert_that(job.lag(), greater_than(0))
    cluster.submit(job, f"--savepoint_path={savepoint}", "--parallelism=2")
    _wait_until_done(job)
    stream.check()


def test_whatever_is_killed_in_mid_stream_nothing_is_lost_or_doubled(
    cluster: TestCluster, make_job: MakeJob
) -> None:
    job = make_job(partitions=4)
    job_id = cluster.submit(job, "--parallelism=2")
    wait_until(lambda: cluster.rest.checkpoint_counts(job_id)["completed"] > 0)
    stream = Stream(job, seed=13, accounts=ACCOUNTS, events=EVENTS)
    stream.publish()

    for server, down_s, merged in (("TaskManager-1", 0, 50), ("Worker-pool", 3, 120), ("JobManager", 3, 160)):
        wait_until(lambda merged=merged: stream.merged() > merged)
        cluster.kill(server, down_s)

    _wait_until_done(job)
    stream.check()
    assert_that(cluster.rest.job(job_id).state, equal_to("RUNNING"))
    assert_that(cluster.rest.checkpoint_counts(job_id)["restored"], greater_than(0))
