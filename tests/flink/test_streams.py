"""The job on a Flink cluster: its offsets, and what becomes of it when it is stopped and resumed in mid-stream."""

from __future__ import annotations

import pytest
from hamcrest import assert_that, equal_to, greater_than, less_than

from faults.cluster import LocalCluster, is_drained, wait_until
from faults.streams import Stream
from tests.whole.conftest import MakeJob

pytestmark = pytest.mark.usefixtures("ends_jobs")

ACCOUNTS, EVENTS = 300, 400


def test_the_state_of_a_stream_is_empty_at_each_checkpoint_whether_events_merge_or_fail(
    cluster: LocalCluster, make_job: MakeJob
) -> None:
    job = make_job(partitions=4)
    job_id = cluster.submit(job)
    wait_until(lambda: cluster.rest.checkpoints(job_id).completed >= 2)
    before = cluster.rest.checkpoints(job_id).largest_bytes

    stream = Stream(job, seed=15, accounts=100, events=600, malformed=200)
    stream.publish(over_s=10)
    wait_until(lambda: is_drained(job))

    stream.check()
    assert_that(cluster.rest.checkpoints(job_id).largest_bytes, less_than(2 * before))


def test_partitions_that_are_added_are_read_by_a_job_that_is_submitted_without_its_savepoint(
    cluster: LocalCluster, make_job: MakeJob
) -> None:
    job = make_job(partitions=2)
    job_id = cluster.submit(job)
    stream = Stream(job, seed=16, accounts=100, events=200)
    stream.publish()
    wait_until(lambda: stream.merged() > 20)

    job.add_partitions(4)
    stream.publish()  # into all four; those that are new have to wait
    cluster.rest.stop_with_savepoint(job_id)
    assert_that(job.lag(), greater_than(99))
    cluster.submit(job, "--parallelism=2")
    wait_until(lambda: is_drained(job))

    stream.check()


def test_a_job_that_is_stopped_in_mid_stream_and_resumed_loses_and_doubles_nothing(
    cluster: LocalCluster, make_job: MakeJob
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
    wait_until(lambda: is_drained(job))
    stream.check()
