import json
from typing import Any

import pytest
from apache_beam import Create, Pipeline
from apache_beam.testing.util import assert_that
from hamcrest import all_of, contains_string, has_properties, instance_of
from hamcrest import assert_that as hamcrest_that

from faults.events import TOPIC, message, record
from tests.support.pipelines import counters, matches, run_pipeline
from transforms.elements import FailedEvent, MergeEvent, Source
from transforms.format_failed_events import INVALID_EVENT
from transforms.parse_merge_event import (
    REPLAYED_FROM,
    InvalidEventError,
    ParseMergeEvent,
    parse_merge_event,
)

SOURCE = Source(TOPIC, 1, 42, 1_700_000_000_000)


def _without(name: str) -> dict[str, Any]:
    whole = message()
    del whole["edata"][name]
    return whole


def parse(value: Any) -> MergeEvent:
    raw = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    return parse_merge_event(raw, SOURCE)


def test_a_valid_event_carries_its_accounts_its_source_and_its_bytes() -> None:
    raw = json.dumps(message("a", "b")).encode()

    hamcrest_that(
        parse(raw),
        has_properties(
            from_account="a",
            to_account="b",
            mid="LP.1648720639981.a-b",
            ets=1648720639981,
            path=(),
            source=SOURCE,
            original=raw,
        ),
    )


def test_ids_are_taken_exactly_as_they_are() -> None:
    hamcrest_that(parse(message(" A ", "a")), has_properties(from_account=" A ", to_account="a"))


def test_accounts_that_differ_in_case_alone_are_two() -> None:
    hamcrest_that(parse(message("a", "A")), has_properties(from_account="a", to_account="A"))


def test_an_event_without_an_action_is_valid() -> None:
    hamcrest_that(parse(_without("action")), instance_of(MergeEvent))


def test_the_path_of_a_follow_up_is_kept() -> None:
    hamcrest_that(parse(message("b", "c", path=["a", "b"])), has_properties(path=("a", "b")))


@pytest.mark.parametrize("mid", [None, 7, {"x": 1}, "\ud800"])
def test_a_mid_that_is_no_text_counts_as_none(mid: Any) -> None:
    hamcrest_that(parse({**message(), "mid": mid}), has_properties(mid=""))


@pytest.mark.parametrize("ets", [None, "1", True, 1.5])
def test_an_ets_that_is_no_integer_counts_as_none(ets: Any) -> None:
    hamcrest_that(parse({**message(), "ets": ets}), has_properties(ets=0))


INVALID: dict[str, tuple[Any, str]] = {
    "tombstone": (None, "The message has no value (a tombstone)"),
    "empty": (b"", "The message is not JSON"),
    "not UTF-8": (b'{"edata": "\xff"}', "The message is not UTF-8 (byte 11)"),
    "truncated": (json.dumps(message()).encode()[:-1], "The message is not JSON"),
    "text after the object": (b"{} {}", "The message is not JSON"),
    "NaN": (b'{"ets": NaN}', "NaN is not a JSON value"),
    "a number beyond a double": (b'{"ets": 1e999}', "the number 1e999 is too large"),
    "nested too deeply": (b"[" * 100_000, "nested too deeply"),
    "a list": ([message()], "The message is a list, not a JSON object"),
    "a string": ("event", "The message is a string, not a JSON object"),
    "a number": (7, "The message is a number, not a JSON object"),
    "null": (b"null", "The message is null, not a JSON object"),
    "no edata": ({"eid": "BE_JOB_REQUEST"}, "edata is null, not an object"),
    "edata a string": ({"edata": "x"}, "edata is a string, not an object"),
    "no from": (_without("fromAccountId"), "edata.fromAccountId is null, not a non-blank string"),
    "no to": (_without("toAccountId"), "edata.toAccountId is null, not a non-blank string"),
    "from a number": (message(7), "edata.fromAccountId is a number, not a non-blank string"),
    "to an object": (message("a", {}), "edata.toAccountId is an object, not a non-blank string"),
    "from empty": (message(""), "edata.fromAccountId is not a non-blank string"),
    "to blank": (message("a", " \t\n"), "edata.toAccountId is not a non-blank string"),
    "from a lone surrogate": (message("a\ud800"), "edata.fromAccountId has a lone surrogate at character 1"),
    "same account": (message("a", "a"), "are the same account"),
    "another action": (message(action="merge"), 'edata.action is a string, not "merge-user-courses-and-cert"'),
    "action null": (message(action=None), 'edata.action is null, not "merge-user-courses-and-cert"'),
    "path a string": (message(path="a"), "edata.path is a string, not a list of strings"),
    "path null": (message(path=None), "edata.path is null, not a list of strings"),
    "path no text": (message(path=["\ud800"]), "edata.path is not a list of strings"),
    "path of numbers": (message(path=["a", 1]), "edata.path is not a list of strings"),
}


@pytest.mark.parametrize(("value", "error"), INVALID.values(), ids=INVALID)
def test_an_invalid_input_is_refused_with_what_is_wrong(value: Any, error: str) -> None:
    with pytest.raises(InvalidEventError) as refused:
        parse(value)

    hamcrest_that(str(refused.value), contains_string(error))


def test_each_record_leaves_as_one_event_or_as_one_failure_and_is_counted() -> None:
    records = [record(value, offset=i) for i, (value, _) in enumerate(INVALID.values())]
    valid = [record(message("a", f"b{i}"), partition=1, offset=i) for i in range(3)]

    def check(pipeline: Any) -> None:
        outputs = pipeline | Create(records + valid) | ParseMergeEvent()
        assert_that(
            outputs.events,
            matches(*(has_properties(to_account=f"b{i}", source=has_properties(offset=i)) for i in range(3))),
            label="events",
        )
        assert_that(
            outputs.failed,
            matches(
                *(
                    all_of(
                        instance_of(FailedEvent),
                        has_properties(
                            error_code=INVALID_EVENT,
                            error=contains_string(error),
                            source=Source(TOPIC, 0, i, 1_700_000_000_000),
                            original=records[i].value,
                        ),
                    )
                    for i, (_, error) in enumerate(INVALID.values())
                )
            ),
            label="failed",
        )

    result = run_pipeline(check)

    assert counters(result) == {"total-events-count": len(INVALID) + 3, "skipped-event-count": len(INVALID)}


def test_what_a_replay_has_published_is_counted_unless_it_is_still_no_event() -> None:
    header = REPLAYED_FROM, b"local.learning.events.failed-0-7"
    records = [
        record(message()),
        record(message())._replace(headers=[header]),
        record(b"{")._replace(headers=[header]),
    ]

    def check(pipeline: Pipeline) -> None:
        pipeline | Create(records) | ParseMergeEvent()

    counted = counters(run_pipeline(check))

    assert counted == {"total-events-count": 3, "skipped-event-count": 1, "replayed-events-count": 1}
