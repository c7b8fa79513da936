"""Inputs that grow beyond what a topic takes, in a stream whose topic takes less from one moment to the next."""

from __future__ import annotations

import pytest
from hamcrest import assert_that, equal_to, has_entries, not_

from faults.cluster import LocalCluster, is_drained, wait_until
from faults.events import message
from tests.whole.conftest import MakeJob
from tests.whole.test_large_inputs import LARGE, carried

pytestmark = pytest.mark.usefixtures("ends_jobs")


def test_large_inputs_and_a_limit_that_is_lowered_meanwhile_do_not_stop_a_stream(
    cluster: LocalCluster, make_job: MakeJob
) -> None:
    job = make_job(partitions=1)
    job_id = cluster.submit(job)
    job.publish([*LARGE, message("f1", "t1")])
    wait_until(lambda: is_drained(job))

    failed = job.failed()
    assert_that([event["source"]["offset"] for event in failed], equal_to([0, 1, 2, 3]))
    for event, original in zip(failed, LARGE, strict=True):
        assert original.startswith(carried(event))

    job.limit(job.failed_topic, 20_000)
    job.publish([b"x" * 30_000, message("f2", "t2")])
    wait_until(lambda: is_drained(job))

    # The worker was started anew, and so has learnt of it.
    assert_that(cluster.rest.failure(job_id), not_(None))
    assert_that(job.failed()[-1], has_entries(rawTruncated=True, rawBytes=30_000))
    assert_that({event["source"]["offset"] for event in job.failed()}, equal_to({0, 1, 2, 3, 5}))
