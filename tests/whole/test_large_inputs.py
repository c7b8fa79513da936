"""Inputs whose failed events, requests or follow-ups are larger than a topic takes: the stream goes on."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hamcrest import (
    assert_that,
    contains_string,
    equal_to,
    greater_than,
    has_entries,
    has_length,
    less_than_or_equal_to,
    not_,
)

from faults.events import message
from faults.job import Job
from faults.memory_tables import ENROLMENTS
from pipeline import run
from pipeline.configuration.variables import KafkaSettings
from pipeline.kafka import limits
from pipeline.kafka.limits import limits_at_start, read_limits
from tests.whole.conftest import MakeJob
from transforms.format_failed_events import DATA_ERROR, INVALID_EVENT
from transforms.records import RecordLimits

KAFKA_DEFAULT = 1_048_588
LARGE = [b"\x00" * 180_000, b"\xff" * 800_000, "é".encode() * 175_000, b"x" * 1_048_300]
"""What the input topic takes. All but the letters grow beyond it where they are carried in a failed event."""


def carried(failed: dict[str, Any]) -> bytes:
    raw: str = failed["rawMessage"]
    return base64.b64decode(raw, validate=True) if "rawEncoding" in failed else raw.encode()


def check_sizes(job: Job, limit: int) -> None:
    for record in job.records(job.failed_topic):
        assert_that(len(record.key) + len(record.value), less_than_or_equal_to(limit))


def test_inputs_as_large_as_the_topic_takes_become_failed_events_and_what_follows_is_merged(
    make_job: MakeJob,
) -> None:
    job = make_job(partitions=1)
    job.publish([*LARGE, message()])

    metrics = job.run()

    assert_that(
        metrics.counters,
        has_entries({"total-events-count": 5, "skipped-event-count": 4, "success-events-count": 1}),
    )
    assert_that(job.lag(), equal_to(0))
    check_sizes(job, KAFKA_DEFAULT)
    failed = job.failed()
    assert_that([event["source"]["offset"] for event in failed], equal_to([0, 1, 2, 3]))
    for event, original in zip(failed, LARGE, strict=True):
        assert original.startswith(carried(event))
        assert_that(len(carried(event)), greater_than(len(original) * 95 // 100))
        if len(carried(event)) < len(original):
            assert_that(event, has_entries(rawTruncated=True, rawBytes=len(original)))
    assert_that(carried(failed[2]), equal_to(LARGE[2]))


def test_a_failed_topic_that_takes_less_than_the_input_topic_gets_what_it_takes(make_job: MakeJob) -> None:
    job = make_job(partitions=1)
    job.limit(job.failed_topic, 20_000)
    cassandra_refuses = message("from", "t" * 70_000)
    # Several of the small ones together would be more than the topic takes.
    inputs = [b"n" * 8_000 for _ in range(20)] + [b"x" * 100_000, cassandra_refuses, message()]
    job.publish(inputs)

    metrics = job.run()

    assert_that(
        metrics.counters,
        has_entries({"skipped-event-count": 21, "failed-events-count": 1, "success-events-count": 1}),
    )
    check_sizes(job, 20_000)
    failed = {event["source"]["offset"]: event for event in job.failed()}
    assert_that(failed, has_length(22))
    assert_that(failed[0], has_entries(rawMessage="n" * 8_000))
    assert_that(failed[20], has_entries(rawTruncated=True, rawBytes=100_000))
    assert_that(failed[21]["failInfo"]["errorCode"], equal_to(DATA_ERROR))
    whole = json.dumps(cassandra_refuses)
    assert_that(failed[21], has_entries(rawTruncated=True, rawBytes=len(whole)))
    assert whole.startswith(failed[21]["rawMessage"])


def test_a_request_that_is_larger_than_its_topic_takes_fails_its_event_and_no_other(make_job: MakeJob) -> None:
    job = make_job(partitions=1)
    job.limit(job.sync_topic, 5_000)
    long = "c" * 6_000
    job.insert(
        {
            ENROLMENTS: [
                {"userid": account, "courseid": course, "batchid": "b", "status": 1}
                for account, course in (("f1", long), ("f1", "short"), ("f2", "short"))
            ]
        }
    )
    job.publish([message("f1", "t1"), message("f2", "t2")])

    metrics = job.run()

    assert_that(metrics.counters, has_entries({"failed-events-count": 1, "success-events-count": 1}))
    assert_that([sent["edata"]["userId"] for sent in job.sync_requests()], equal_to(["t2"]))
    (failed,) = job.failed()
    assert_that(failed["source"]["offset"], equal_to(0))
    assert_that(failed["failInfo"]["errorCode"], equal_to(DATA_ERROR))
    assert_that(failed["failInfo"]["error"], contains_string("max.message.bytes is 5,000"))


def test_a_pass_in_which_a_limit_is_lowered_is_repeated(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(partitions=1)
    job.limit(job.failed_topic, 20_000)
    job.publish([b"x" * 30_000, message()])
    begun = []

    def at_start(kafka: KafkaSettings) -> RecordLimits:
        begun.append(kafka)
        return limits_at_start(kafka)

    def read(kafka: KafkaSettings, otherwise: RecordLimits) -> RecordLimits:
        """When the first pass begins, and on its workers, the limit is not lowered yet."""
        return RecordLimits() if len(begun) == 1 else read_limits(kafka, otherwise)

    monkeypatch.setattr(run, "limits_at_start", at_start)
    monkeypatch.setattr(limits, "read_limits", read)

    metrics = job.run()

    # Of the first pass at its beginning and after its end, and of the second.
    assert_that(begun, has_length(3))
    assert_that(metrics.counters, has_entries({"skipped-event-count": 1, "success-events-count": 1}))
    assert_that(job.failed()[-1], has_entries(rawTruncated=True, rawBytes=30_000))


def test_a_limit_of_a_topic_that_is_lowered_between_two_runs_is_learnt_by_the_next(make_job: MakeJob) -> None:
    job = make_job(partitions=1)
    job.publish([b"x" * 30_000])
    job.run()
    job.limit(job.failed_topic, 20_000)
    job.publish([b"x" * 30_000, message()])

    job.run()

    first, second = job.failed()
    assert_that(first, not_(has_entries(rawTruncated=True)))
    assert_that(second, has_entries(rawTruncated=True, rawBytes=30_000))
    assert_that({event["failInfo"]["errorCode"] for event in (first, second)}, equal_to({INVALID_EVENT}))
