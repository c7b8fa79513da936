import base64
import json
from typing import Any

import pytest
from apache_beam import Create, MapTuple
from apache_beam.testing.util import assert_that
from hamcrest import assert_that as hamcrest_that
from hamcrest import contains_exactly, equal_to, has_entries, is_
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.pipelines import counters, matches, run_pipeline
from tests.transforms.events import TOPIC, message
from transforms.elements import FailedEvent, Source
from transforms.failures import DATA_ERROR, INVALID_EVENT, FormatFailedEvents, failed_event, original_message

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
    record = json.loads(json.dumps(failed_event(failure(original))))
    assert isinstance(record, dict)
    return record


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
        {"rawMessage": "\ud800"},
        {"rawMessage": "x", "edata": {}},
        {},
    ],
)
def test_a_raw_message_that_this_job_would_not_write_is_a_field_of_the_original(own: dict[str, Any]) -> None:
    hamcrest_that(original_message({**own, **ADDED}), equal_to(json.dumps(own).encode()))


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
