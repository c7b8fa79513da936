"""A local run beside a job on Flink, of one group: it notices, and nothing is lost or doubled."""

from __future__ import annotations

import pytest
from hamcrest import assert_that, greater_than

from faults.cluster import LocalCluster, is_drained, wait_until
from faults.streams import Stream
from pipeline.kafka.errors import GroupInUseError
from tests.whole.conftest import MakeJob

pytestmark = pytest.mark.usefixtures("ends_jobs")


def test_a_local_run_beside_a_job_on_flink_ends_with_a_sentence_and_the_job_goes_on(
    cluster: LocalCluster, make_job: MakeJob
) -> None:
    job = make_job(partitions=4)
    cluster.submit(job)
    stream = Stream(job, seed=17, accounts=300, events=400)
    stream.publish()
    wait_until(lambda: stream.merged() > 20)
    assert_that(job.lag(), greater_than(0))

    with pytest.raises(GroupInUseError):
        job.run()
    wait_until(lambda: is_drained(job))

    stream.check()
