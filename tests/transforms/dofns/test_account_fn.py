import dataclasses
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import pytest
from apache_beam import Create
from apache_beam.pvalue import TaggedOutput
from apache_beam.testing.util import assert_that
from apache_beam.transforms.window import TimestampedValue
from hamcrest import contains_exactly, contains_string, greater_than, matches_regexp

from pipeline.configuration.settings import resolve
from tests.support.pipelines import matches, run_pipeline
from transforms.dofns.account_fn import AccountFn, Merging, Outcome
from transforms.elements import Source
from transforms.format_failed_events import FAILED
from transforms.logs import TextFormatter
from transforms.settings import CassandraSettings, MergeSettings
from transforms.store.errors import NoAnswerError, NoNodeError, StoreError, TransientError

MERGE = MergeSettings(
    merge_ledger=True,
    course_date_format="yyyy-MM-dd HH:mm:ss:SSSZ",
    course_batch_updater_action="batch-enrolment-sync",
    history_ttl_days=730,
)

ERRORS = {
    "timed out": NoAnswerError("OperationTimedOut: late"),
    "unavailable": TransientError("Unavailable: too few replicas"),
    "no host": NoNodeError("NoHostAvailable: nobody"),
    "invalid": StoreError("InvalidRequest: no such column"),
    "bug": KeyError("userid"),
}

attempts: dict[str, int] = {}


def cassandra(retry_seconds: float) -> CassandraSettings:
    """Settings of a Cassandra that the work here never asks for."""
    return dataclasses.replace(resolve([], {}).cassandra, retry_seconds=retry_seconds)


class Failing(NamedTuple):
    """Work that fails with the named error so many times."""

    error: str
    times: int
    source: Source = Source("topic", 0, 7, 0)


class FailingFn(AccountFn[Failing, int]):
    """Fails with the named error so many times, then succeeds; yields the number of attempts."""

    async def work(self, merging: Merging, item: Failing) -> int:
        error, times, _ = item
        attempts[error] = attempts.get(error, 0) + 1
        if attempts[error] <= times:
            raise ERRORS[error]
        return attempts[error]

    def outputs(self, outcome: Outcome[Failing, int]) -> Iterator[Any]:
        if outcome.error is None:
            yield outcome.done
        else:
            yield TaggedOutput(FAILED, (outcome.error, attempts[outcome.item[0]]))


@pytest.fixture(autouse=True)
def _no_attempts() -> None:
    attempts.clear()


def run(item: Failing, done: Any, failed: Any, retry_seconds: float = 30) -> None:
    def check(pipeline: Any) -> None:
        outputs = (
            pipeline
            | Create([("account", item)])
            | beam.ParDo(FailingFn(cassandra(retry_seconds), MERGE)).with_outputs(FAILED, main="done")
        )
        assert_that(outputs.done, matches(*done), label="done")
        assert_that(outputs[FAILED], matches(*failed), label="failed")

    run_pipeline(check)


@pytest.mark.parametrize("error", ["timed out", "unavailable", "no host"])
def test_an_error_that_may_pass_is_tried_again_until_it_has_passed(error: str) -> None:
    run(Failing(error, 2), [3], [])


def test_an_error_that_does_not_pass_in_time_is_given_up() -> None:
    error = matches_regexp(r"^Cassandra did not answer within 0.2 s: OperationTimedOut: .*late")

    run(Failing("timed out", 1_000_000), [], [contains_exactly(error, greater_than(1))], retry_seconds=0.2)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [("invalid", "InvalidRequest: no such column"), ("bug", "KeyError: 'userid'")],
)
def test_an_error_that_cannot_pass_is_given_up_at_once_in_one_line(error: str, sentence: str) -> None:
    run(Failing(error, 1), [], [contains_exactly(contains_string(sentence), 1)])


def test_an_unexpected_error_is_a_warning_with_its_traceback_and_the_source_of_its_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run(Failing("bug", 1), [], [contains_exactly(contains_string("KeyError"), 1)])
    (record,) = [r for r in caplog.records if r.name == "transforms.dofns.account_fn"]
    text = TextFormatter().format(record)
    assert record.levelno == logging.WARNING
    assert "topic-0-7 has failed unexpectedly." in text
    assert "Traceback" in text
    assert "in work" in text


def test_an_error_that_may_pass_has_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    run(Failing("timed out", 2), [3], [])
    assert [r for r in caplog.records if r.name == "transforms.dofns.account_fn"] == []


def test_outputs_keep_the_timestamps_of_their_inputs() -> None:
    class Stamp(beam.DoFn):
        def process(self, element: int, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[tuple[int, float]]:
            yield element, float(timestamp)

    def check(pipeline: Any) -> None:
        outputs = (
            pipeline
            | Create([TimestampedValue(("account", Failing("bug", 0)), 1234.5)])
            | beam.Map(lambda stamped: stamped)
            | beam.ParDo(FailingFn(cassandra(1), MERGE))
            | beam.ParDo(Stamp())
        )
        assert_that(outputs, matches((1, 1234.5)))

    run_pipeline(check)
