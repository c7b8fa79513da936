"""What topics take, as far as the brokers tell: else what was known before."""

from __future__ import annotations

from typing import Any

import pytest
from hamcrest import assert_that, contains_string, equal_to
from kafka.errors import KafkaConnectionError

from pipeline.configuration.settings import resolve
from pipeline.configuration.variables import KafkaSettings
from pipeline.kafka import limits
from pipeline.kafka.limits import LimitsOnWorker, read_limits
from transforms.records import RecordLimits

AT_START = RecordLimits(sync_requests=10_000, follow_ups=20_000, failed=30_000)


@pytest.fixture
def kafka() -> KafkaSettings:
    return resolve(["--env=e"], {}).kafka


def admin(described: dict[str, dict[str, Any]]) -> type:
    """A client of brokers that tell this of the topics."""

    class Admin:
        def __init__(self, **_: Any) -> None:
            self.closed = False

        def describe_configs(self, resources: list[Any], config_filter: str) -> dict[str, Any]:
            assert_that(config_filter, equal_to("all"))
            assert_that({resource.name for resource in resources}, equal_to(set(described)))
            return {"topic": described}

        def close(self) -> None:
            self.closed = True

    return Admin


def test_the_limit_of_each_topic_is_read_and_one_that_may_not_be_read_stays_as_it_was_known(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    described = {
        kafka.sync_topic: {"max.message.bytes": {"value": "1"}},
        kafka.input_topic: {"max.message.bytes": {"value": "2"}},
        kafka.failed_topic: {},
    }
    monkeypatch.setattr(limits, "KafkaAdminClient", admin(described))

    read = read_limits(kafka, AT_START)

    assert_that(read, equal_to(RecordLimits(sync_requests=1, follow_ups=2, failed=30_000)))
    assert_that(caplog.text, contains_string(f"30000 bytes are taken for {kafka.failed_topic}"))


def test_a_worker_takes_what_is_less_the_limit_of_now_or_the_one_that_producers_were_made_for(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = RecordLimits(sync_requests=11_000, follow_ups=19_000, failed=30_000)
    monkeypatch.setattr(limits, "read_limits", lambda *_: now)

    taken = LimitsOnWorker(kafka, AT_START)()

    assert_that(taken, equal_to(RecordLimits(sync_requests=10_000, follow_ups=19_000, failed=30_000)))


def test_a_worker_that_cannot_reach_the_brokers_takes_the_limits_of_the_start_and_says_so(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> RecordLimits:
        raise KafkaConnectionError

    monkeypatch.setattr(limits, "read_limits", refuse)

    assert_that(LimitsOnWorker(kafka, AT_START)(), equal_to(AT_START))
    assert_that(caplog.text, contains_string("those of the submission are taken"))
