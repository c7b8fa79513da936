"""Which failed events are replayed, and how they are shown."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from faults.events import message
from pipeline.replay.selection import Chooser, FailedRecord, Selection, Verdict, read_failed_record, utc
from transforms.elements import FailedEvent, Source
from transforms.format_failed_events import DATA_ERROR, INVALID_EVENT, failed_event, failed_record
from transforms.strict_json import write_json

SOURCE = Source("failed", 1, 42, 1_769_896_800_000)
ANYTHING = Selection(None, frozenset(), None, None)


def failed(original: bytes | None = None, code: str = DATA_ERROR) -> dict[str, Any]:
    raw = json.dumps(message()).encode() if original is None else original
    return failed_event(FailedEvent(code, "What is wrong", Source("in", 0, 7, 1), raw))


def read(value: Any) -> FailedRecord | None:
    return read_failed_record(json.dumps(value).encode(), SOURCE)


def record(original: bytes | None = None, code: str = DATA_ERROR) -> FailedRecord:
    found = read(failed(original, code))
    assert found is not None
    return found


def test_a_record_is_read_with_all_that_is_known_of_it() -> None:
    assert record() == FailedRecord(
        source=SOURCE,
        origin=Source("in", 0, 7, 1),
        error_code=DATA_ERROR,
        error="What is wrong",
        mid="LP.1648720639981.from-to",
        from_account="from",
        to_account="to",
        original=write_json(message()),
        whole_bytes=None,
    )


def test_of_an_original_that_was_too_large_the_beginning_is_read_and_the_whole_tells_its_accounts() -> None:
    whole = json.dumps(message(more="x" * 5_000)).encode()
    written = failed_record(FailedEvent(DATA_ERROR, "What is wrong", Source("in", 0, 7, 1), whole), 2_000)
    assert written is not None

    found = read_failed_record(written[1], SOURCE)

    assert found is not None
    assert (found.error_code, found.from_account, found.whole_bytes) == (DATA_ERROR, None, len(whole))
    assert whole.startswith(found.original or b"?")
    completed = found.with_original(whole)
    assert (completed.original, completed.whole_bytes) == (whole, None)
    assert (completed.mid, completed.from_account, completed.to_account) == (message()["mid"], "from", "to")
    assert found.with_original(b"no json").from_account is None


@pytest.mark.parametrize(
    "original",
    [b"no json", b'{"mid":7,"edata":{"fromAccountId":1,"toAccountId":null}}', b'{"edata":[]}', b"\xff"],
)
def test_what_an_original_does_not_tell_is_none(original: bytes) -> None:
    found = record(original, INVALID_EVENT)
    assert (found.mid, found.from_account, found.to_account) == (None, None, None)
    assert found.original == original


@pytest.mark.parametrize(
    "value",
    [
        *(None, b"", b"{", b"[]", b"\xff", b"{}"),
        write_json({**failed(), "jobName": "AnotherJob"}),
        write_json({"jobName": "MergeUserCourses", "failInfo": {"errorCode": "DATA_ERROR", "error": "null"}}),
        write_json({**failed(), "source": {"topic": "in", "partition": 0, "offset": "7", "timestamp": 1}}),
    ],
    ids=[
        *("tombstone", "empty", "cut off", "list", "not UTF-8", "no job", "another job"),
        *("without a source, as of the Scala job", "with another's source"),
    ],
)
def test_what_is_no_failed_event_of_this_job_is_none(value: bytes | None) -> None:
    assert read_failed_record(value, SOURCE) is None


def test_an_event_of_this_job_whose_failure_is_not_told_is_not_dropped() -> None:
    found = read({**failed(), "failInfo": "?"})
    assert found is not None
    assert (found.error_code, found.error, found.original) == ("", "", write_json(message()))


def test_times_include_their_beginning_and_not_their_end() -> None:
    since, until = (datetime(2026, 1, 31, hour, tzinfo=UTC) for hour in (21, 22))
    times = dataclasses.replace(ANYTHING, since=since, until=until)
    first, end = (int(time.timestamp()) * 1000 for time in (since, until))
    included = [times.includes_time(time) for time in (first - 1, first, end - 1, end)]
    assert included == [False, True, True, False]
    assert ANYTHING.includes_time(-1)


@pytest.mark.parametrize(
    ("codes", "accounts", "included"),
    [
        (None, set(), True),
        ({DATA_ERROR}, set(), True),
        ({INVALID_EVENT}, set(), False),
        (None, {"from"}, True),
        (None, {"x", "to"}, True),
        (None, {"FROM"}, False),
        ({DATA_ERROR}, {"x"}, False),
        ({INVALID_EVENT}, {"to"}, False),
    ],
)
def test_code_and_account_must_both_be_asked_for(
    codes: set[str] | None, accounts: set[str], included: bool
) -> None:
    selection = Selection(None if codes is None else frozenset(codes), frozenset(accounts), None, None)
    assert selection.includes(record()) is included


def test_an_original_is_chosen_once_whatever_it_failed_with() -> None:
    chooser = Chooser(ANYTHING)
    verdicts = [chooser.choose(record(raw, code)) for raw in (b"a", b"b") for code in (DATA_ERROR, INVALID_EVENT)]
    assert verdicts == [Verdict.CHOSEN, Verdict.DUPLICATE] * 2


def test_a_tombstone_is_no_empty_message() -> None:
    chooser = Chooser(ANYTHING)
    tombstone = dataclasses.replace(record(b"x"), original=None)
    assert [chooser.choose(each) for each in (record(b""), tombstone, tombstone)] == [
        *(Verdict.CHOSEN, Verdict.CHOSEN),
        Verdict.DUPLICATE,
    ]


def test_what_is_filtered_out_makes_no_duplicates() -> None:
    chooser = Chooser(dataclasses.replace(ANYTHING, error_codes=frozenset({DATA_ERROR})))
    verdicts = [chooser.choose(record(b"a", code)) for code in (INVALID_EVENT, DATA_ERROR, INVALID_EVENT)]
    assert verdicts == [Verdict.FILTERED_OUT, Verdict.CHOSEN, Verdict.FILTERED_OUT]


def test_a_line_tells_an_event_in_utc() -> None:
    line = "2026-01-31T22:00:00Z  DATA_ERROR  LP.1648720639981.from-to  from → to  What is wrong"
    assert record().line() == line
    raw = f"2026-01-31T22:00:00Z  {INVALID_EVENT}  -  - → -  What is wrong"
    assert record(b"raw", INVALID_EVENT).line() == raw


def test_a_line_stays_one_line_and_cannot_steer_the_terminal() -> None:
    hostile = {**message("a\nb", "c\x1b[2J"), "mid": "é\ud800"}
    line = record(json.dumps(hostile).encode()).line()
    assert r"é\ud800  a\nb → c\x1b[2J  What" in line
    assert line.isprintable()


def test_a_time_is_shown_in_utc_to_the_second() -> None:
    assert utc(1_769_896_800_999) == "2026-01-31T22:00:00Z"
