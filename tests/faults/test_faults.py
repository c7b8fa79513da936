"""Everything that the job runs on is killed in mid-stream; and a loss or a doubling would be told."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hamcrest import (
    assert_that,
    contains_exactly,
    contains_string,
    equal_to,
    greater_than,
    has_item,
    has_items,
    has_properties,
)
from kafka import KafkaProducer

from faults.cluster import LocalCluster
from faults.command import exit_code
from faults.faults import OPTIONS, faults, moments
from faults.job import Job
from faults.memory_tables import CONTENT_CONSUMPTION, ENROLMENTS, KEYS
from faults.run import PARTITIONS, Outcome, run_fault
from faults.streams import Stream, Verdict
from tests.whole.conftest import MakeJob


@pytest.mark.timeout(1_200)
@pytest.mark.usefixtures("ends_jobs")
def test_whatever_is_killed_in_mid_stream_nothing_is_lost_or_doubled(
    whole_cluster: LocalCluster, make_job: MakeJob
) -> None:
    job = make_job(partitions=PARTITIONS, options=list(OPTIONS))

    outcome = run_fault(whole_cluster, job, "all", faults(1)["all"], seed=13, accounts=100, events=600, over_s=60)

    assert_that(outcome.verdict.lost + outcome.verdict.doubled, equal_to([]))
    assert_that((outcome.events, outcome.failed, outcome.verdict.lag), equal_to((606, 6, 0)))
    assert_that(outcome.recovery_s, greater_than(30))


def test_the_verdict_on_a_stream_tells_what_is_lost_and_what_is_doubled(make_job: MakeJob) -> None:
    job = make_job(partitions=PARTITIONS)
    stream = Stream(job, seed=14, accounts=6, events=20, malformed=1)
    stream.publish()
    assert_that(stream.verdict().lag, equal_to(21))
    job.run()
    stream.check()

    views, enrolment = job.rows()[CONTENT_CONSUMPTION][0], job.rows()[ENROLMENTS][0]
    job.insert({CONTENT_CONSUMPTION: [views | {"viewcount": views["viewcount"] + 1}]})
    where = " AND ".join(f"{column} = %({column})s" for column in ("userid", "courseid", "batchid"))
    job.session.execute(f"DELETE FROM {ENROLMENTS} WHERE {where}", enrolment)
    request = job.sync_requests()[0]
    _request(job, [request, request | {"mid": "LP.1.another"}])
    verdict = stream.verdict()

    assert_that(verdict.lost, contains_exactly(contains_string(ENROLMENTS)))
    assert_that(verdict.doubled, has_item(contains_string(CONTENT_CONSUMPTION)))
    assert_that(verdict.doubled, has_item("no event explains the request another"))
    assert_that((len(verdict.doubled), verdict.repeated_requests), equal_to((2, 1)))


def _request(job: Job, requests: list[dict[str, Any]]) -> None:
    producer = KafkaProducer(bootstrap_servers=job.services.kafka_address)
    for request in requests:
        producer.send(job.sync_topic, json.dumps(request).encode())
    producer.close()


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict([], [], 5, 0), 0),
        (Verdict(["lost"], [], 0, 0), 1),
        (Verdict([], ["doubled"], 0, 0), 1),
        (Verdict([], [], 0, 1), 1),
        (Verdict([], [], 0, 0, judged=["less"]), 1),
    ],
    ids=["exact", "lost", "doubled", "left", "judged"],
)
def test_the_exit_code_tells_whether_every_stream_was_merged_exactly(verdict: Verdict, expected: int) -> None:
    exact = Outcome("none", 5, 0, 0, Verdict([], [], 0, 0), None, 0)
    assert_that(exit_code([exact, Outcome("all", 5, 0, 0, verdict, 1.0, 0), exact]), equal_to(expected))


def test_moments_differ_by_seed_and_are_in_mid_stream() -> None:
    assert_that(moments(random.Random(1), 2, 60), equal_to(moments(random.Random(1), 2, 60)))
    for seed in range(100):
        first, second = moments(random.Random(seed), 2, 60)
        assert 6 <= first <= 30 <= second <= 54
    assert_that(len({tuple(moments(random.Random(seed), 2, 60)) for seed in range(100)}), equal_to(100))


@pytest.mark.parametrize("nodes", [1, 3])
def test_all_faults_are_all_strikes_of_the_single_ones(nodes: int) -> None:
    known = faults(nodes)
    single = [strikes for name, fault in known.items() if name != "all" for strikes in fault.strikes]
    assert_that(single, has_items(*known["all"].strikes))
    assert_that(len(known["all"].strikes), greater_than(4))


def test_what_the_platform_wrote_meanwhile_is_expected_and_views_that_raced_are_counted(make_job: MakeJob) -> None:
    job = make_job(partitions=PARTITIONS)
    stream = Stream(job, seed=17, accounts=6, events=20)
    learners = stream.learn()
    learners.start()
    stream.publish()
    job.run()
    learners.stop()
    stream.repeat_for_learners()
    job.run()

    verdict = stream.verdict()
    assert_that(verdict.lost + verdict.doubled + verdict.judged, equal_to([]))
    viewed, views = max((learners.views + learners.unsure).items(), key=lambda item: item[1])
    assert_that(views, greater_than(0))
    (row,) = (
        r for r in job.rows()[CONTENT_CONSUMPTION] if tuple(r[k] for k in KEYS[CONTENT_CONSUMPTION]) == viewed
    )
    job.insert({CONTENT_CONSUMPTION: [row | {"viewcount": row["viewcount"] - 1}]})
    assert_that(stream.verdict(), has_properties(lost=[], doubled=[], raced=verdict.raced + 1))
