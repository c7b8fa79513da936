import base64
import dataclasses
import json
from typing import Any

import pytest
from apache_beam import Create, MapTuple
from apache_beam.testing.util import assert_that
from hamcrest import assert_that as hamcrest_that
from hamcrest import (
    contains_exactly,
    contains_string,
    equal_to,
    greater_than,
    has_entries,
    is_,
    less_than_or_equal_to,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder

from faults.events import TOPIC, message
from tests.support.pipelines import counters, matches, run_pipeline
from transforms.elements import FailedEvent, Source
from transforms.format_failed_events import (
    DATA_ERROR,
    INVALID_EVENT,
    FormatFailedEvents,
    TruncatedMessage,
    failed_event,
    failed_record,
    original_message,
)
from transforms.records import BROKER_DEFAULT, Record, RecordLimits, room_for_value
from transforms.strict_json import write_json

SOURCE = Source(TOPIC, 1, 42, 1_700_000_000_000)


def failure(original: bytes | None, code: str = INVALID_EVENT) -> FailedEvent:
    return FailedEvent(code, "What is wrong", SOURCE, original)


ADDED = {
    "jobName": "MergeUserCourses",
    "failInfo": {"errorCode": INVALID_EVENT, "error": "What is wrong"},
    "source": {"topic": TOPIC, "partition": 1, "offset": 42, "timestamp": 1_700_000_000_000},
}


def test_the_original_event_keeps_every_field_of_its_own() -> None:
    original = {**message(), "context": {"channel": "org"}, "unknown": [1, {"deep": None}], "naïve": "ü"}

    hamcrest_that(failed_event(failure(json.dumps(original).encode())), equal_to({**original, **ADDED}))


@pytest.mark.parametrize(
    ("original", "raw"),
    [
        (b"{not json", {"rawMessage": "{not json"}),
        ("{ünïcode".encode(), {"rawMessage": "{ünïcode"}),
        (b"", {"rawMessage": ""}),
        (b'["a list"]', {"rawMessage": '["a list"]'}),
        (b'{"x": NaN}', {"rawMessage": '{"x": NaN}'}),
        (b"[" * 100_000, {"rawMessage": "[" * 100_000}),
        (b"\xff\x00", {"rawMessage": base64.b64encode(b"\xff\x00").decode(), "rawEncoding": "base64"}),
        (None, {"rawMessage": None}),
    ],
    ids=["not json", "unicode", "empty", "list", "NaN", "too deep", "not UTF-8", "tombstone"],
)
def test_an_input_that_is_no_json_object_is_carried_as_raw_message(
    original: bytes | None, raw: dict[str, Any]
) -> None:
    hamcrest_that(failed_event(failure(original)), equal_to({**raw, **ADDED}))


def test_an_object_that_is_nested_almost_too_deeply_is_written_whole() -> None:
    for depth in range(100, 5_000, 50):
        original = b'{"x":' + b"[" * depth + b"]" * depth + b"}"
        record = failed_event(failure(original))
        json.dumps(record)
        hamcrest_that("x" in record or record["rawMessage"] == original.decode(), is_(True))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(("rawMessage", "edata")), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text() | st.sampled_from(("rawMessage", "rawEncoding", "edata")), JSON)
MESSAGES = (
    st.none() | st.binary() | st.text().map(str.encode) | (JSON | OBJECTS).map(lambda j: json.dumps(j).encode())
)


def written(original: bytes | None) -> dict[str, Any]:
    """A failed event as it is read from the topic."""
    return read_value(failed_record(failure(original), BROKER_DEFAULT))


def read_value(record: Record | None) -> dict[str, Any]:
    assert record is not None
    value = json.loads(record[1])
    assert isinstance(value, dict)
    return value


@given(MESSAGES)
def test_the_original_is_taken_out_of_its_failed_event_again(original: bytes | None) -> None:
    record = written(original)
    raw = record.keys() - ADDED.keys() <= {"rawMessage", "rawEncoding"}
    # An object of nothing but these is no event, and is taken for the message in it.
    assume(not (raw and (original or b"").startswith(b"{")))

    message = original_message(record)

    if raw:
        assert message == original
    else:
        hamcrest_that(json.loads(message or b""), equal_to(json.loads(original or b"")))


@given(MESSAGES)
def test_what_fails_again_gathers_nothing(original: bytes | None) -> None:
    again = original_message(written(original))
    hamcrest_that(original_message(written(again)), equal_to(again))


@pytest.mark.parametrize(
    "own",
    [
        {"rawMessage": 5},
        {"rawMessage": "x", "rawEncoding": "gzip"},
        {"rawMessage": "no base64!", "rawEncoding": "base64"},
        {"rawMessage": None, "rawEncoding": "base64"},
        {"rawMessage": "x", "rawTruncated": True},
        {"rawMessage": "x", "rawTruncated": False, "rawBytes": 2},
        {"rawMessage": "x", "rawTruncated": True, "rawBytes": 2, "edata": {}},
        {"rawMessage": "\ud800"},
        {"rawMessage": "x", "edata": {}},
        {},
    ],
)
def test_a_raw_message_that_this_job_would_not_write_is_a_field_of_the_original(own: dict[str, Any]) -> None:
    hamcrest_that(original_message({**own, **ADDED}), equal_to(write_json(own)))


# What its topic takes

HARD = st.sampled_from(
    (b"\x00", b"\xff", "é".encode(), "😀".encode(), b'"', b"\\", b'{"a":"', b'"}', b"1e5,", b"\\ud800", b"x")
)
LARGE = st.lists(st.tuples(HARD, st.integers(1, 2_000)), min_size=1, max_size=6).map(
    lambda parts: b"".join(part * times for part, times in parts)
)
TRUNCATED = {"rawTruncated", "rawBytes"}

LEAST = 1_500
"""A limit from which on any failure has room for source and error code, whatever the topic is called."""


def batch_size(record: Record) -> int:
    """What the record takes in Kafka, in a batch of its own."""
    batch = DefaultRecordBatchBuilder(
        2, 0, is_transactional=False, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=0
    )
    batch.append(0, 1_700_000_000_000, *record, headers=[])
    return len(batch.build())


@given(
    LARGE | MESSAGES,
    st.text() | st.text("é\x00\n😀", min_size=500, max_size=3_000),
    st.integers(LEAST, 12_000),
    st.integers(1, 249),
)
def test_whatever_failed_its_record_fits_and_tells_source_and_error_code(
    original: bytes | None, error: str, limit: int, topic_length: int
) -> None:
    source = Source("t" * topic_length, 2**31 - 1, 2**63 - 1, 2**63 - 1)

    record = failed_record(FailedEvent(DATA_ERROR, error, source, original), limit)

    assert record is not None
    hamcrest_that(batch_size(record), less_than_or_equal_to(limit))
    event = read_value(record)
    hamcrest_that(event["source"], equal_to(dataclasses.asdict(source)))
    hamcrest_that(event["jobName"], equal_to("MergeUserCourses"))
    hamcrest_that(event["failInfo"]["errorCode"], equal_to(DATA_ERROR))
    told = event["failInfo"]["error"]
    assert told == error or (told.endswith(" …") and error.startswith(told.removesuffix(" …")))
    if "rawTruncated" not in event:
        hamcrest_that(
            event, has_entries({k: v for k, v in failed_event(failure(original)).items() if k not in ADDED})
        )
        return
    assert original is not None
    hamcrest_that(event.keys() - ADDED.keys() - {"rawEncoding"}, equal_to({"rawMessage", *TRUNCATED}))
    hamcrest_that(event, has_entries(rawTruncated=True, rawBytes=len(original)))
    truncated = original_message(event)
    assert isinstance(truncated, TruncatedMessage)
    assert truncated.size == len(original) > len(truncated.beginning)
    assert original.startswith(truncated.beginning)
    # No more is cut than must be: another character, of six bytes at most, would not have fitted.
    hamcrest_that(len(record[1]) + 6, greater_than(room_for_value(record[0], limit)))


def test_an_error_is_cut_before_the_original_is() -> None:
    original = b'{"edata": {"fromAccountId": "a"}}'
    record = failed_record(FailedEvent(DATA_ERROR, "é" * 5_000, SOURCE, original), 2_000)

    event = read_value(record)
    hamcrest_that(event["edata"], equal_to({"fromAccountId": "a"}))
    assert 200 < len(event["failInfo"]["error"]) < 260


@pytest.mark.parametrize(
    ("original", "truncated"),
    [
        (b"\x00" * 180_000, True),
        (b"\xff" * 800_000, True),
        ("é".encode() * 175_000, False),
        ("é".encode() * 523_000, False),
        (b"x" * 1_048_300, True),
    ],
    ids=["NUL", "0xff", "accented letters", "1 MB of accented letters", "as much as the input topic takes"],
)
def test_what_the_input_topic_takes_is_cut_only_where_it_grows(original: bytes, truncated: bool) -> None:
    record = failed_record(failure(original), BROKER_DEFAULT)

    hamcrest_that("rawTruncated" in read_value(record), is_(truncated))
    assert record is not None
    hamcrest_that(batch_size(record), less_than_or_equal_to(BROKER_DEFAULT))


def test_where_no_record_fits_a_line_of_the_log_has_the_source_and_the_stream_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def check(pipeline: Any) -> None:
        failures = pipeline | Create([failure(b"x", DATA_ERROR)])
        assert_that(failures | FormatFailedEvents(lambda: RecordLimits(failed=300)), matches())

    assert counters(run_pipeline(check)) == {"failed-events-count": 1}
    hamcrest_that(caplog.text, contains_string(f"{SOURCE.id} has failed with DATA_ERROR"))


def test_failures_become_records_keyed_by_source_and_merge_failures_are_counted() -> None:
    data_error = failure(json.dumps(message()).encode(), DATA_ERROR)

    def check(pipeline: Any) -> None:
        records = pipeline | Create([failure(b"x"), data_error]) | FormatFailedEvents()
        read = records | "Read" >> MapTuple(lambda k, v: (k, json.loads(v)))
        key = b"local.lms.user.account.merge-1-42"
        assert_that(
            read,
            matches(
                contains_exactly(key, has_entries(rawMessage="x", **ADDED)),
                contains_exactly(key, has_entries(failInfo={"errorCode": DATA_ERROR, "error": "What is wrong"})),
            ),
        )

    assert counters(run_pipeline(check)) == {"failed-events-count": 1}
