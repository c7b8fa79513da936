"""A job with a pace takes so many events a second, all of its readers together."""

from __future__ import annotations

import pytest
from hamcrest import assert_that, close_to, greater_than, less_than

from faults.cluster import LocalCluster
from tests.support.paces import take
from tests.whole.conftest import MakeJob

pytestmark = pytest.mark.usefixtures("ends_jobs")


def test_two_readers_of_three_partitions_keep_to_the_pace_of_the_job(
    cluster: LocalCluster, make_job: MakeJob
) -> None:
    taken = take(cluster, make_job(partitions=3), 40, 8, "--parallelism=2")

    assert_that(taken.events, greater_than(40))
    assert_that(taken.per_second / 40, close_to(1, 0.15))
    assert_that(taken.longest_checkpoint_s, less_than(10))
