"""What an operator finds in the log: a line an event, as text or JSON, and no account ids but at DEBUG."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from faults.events import event
from pipeline.configuration.settings import resolve
from transforms import logs
from transforms.elements import FailedEvent, JoinedEvent, MergeEvent
from transforms.event_log import log_failed, log_merged
from transforms.format_failed_events import DATA_ERROR
from transforms.log_merge import LogMergeFn
from transforms.logs import LogSettings, apply, begin_logging


class Log:
    """What a process has logged to stderr."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """A process that has begun to log; the levels that were there come back."""
    loggers = [logging.getLogger(name) for name in (None, *logs._OURS, "kafka")]
    before = [logger.level for logger in loggers]
    stream = io.StringIO()
    monkeypatch.setattr(logs._handler, "stream", stream)
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    monkeypatch.delenv("LOG_FORMAT", raising=False)
    begin_logging()
    yield Log(stream)
    logging.getLogger().removeHandler(logs._handler)
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def an_event(original: bytes = b'{"mid": "LP.1"}') -> MergeEvent:
    one = event("account-of-asha", "account-of-meena")
    return dataclasses.replace(one, mid="LP.1", original=original)


def a_merge() -> JoinedEvent:
    return JoinedEvent(
        an_event(), (("c", "b"),), (("user_enrolments", 7, 3), ("user_activity_agg", 2, 1)), 100.0, 112.4
    )


def test_a_merged_event_is_one_line_of_json(log: Log) -> None:
    apply(LogSettings(level="INFO", format="json"))
    log_merged(a_merge(), sync_requests=1, follow_ups=0)
    (line,) = log.lines
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "transforms.event_log",
        "message": "An event has been merged.",
        "mid": "LP.1",
        "source": an_event().source.id,
        "outcome": "merged",
        "rows": {"user_enrolments": {"read": 7, "written": 3}, "user_activity_agg": {"read": 2, "written": 1}},
        "ms": 12,
        "sync_requests": 1,
        "follow_ups": 0,
    }


def test_a_failed_event_is_one_line_too(log: Log) -> None:
    apply(LogSettings(level="INFO", format="json"))
    one = an_event()
    log_failed(FailedEvent(DATA_ERROR, "user_enrolments could not be merged", one.source, one.original))
    (line,) = log.lines
    assert (line["level"], line["mid"], line["source"]) == ("INFO", "LP.1", one.source.id)
    assert (line["outcome"], line["error_code"]) == ("failed", DATA_ERROR)
    assert line["error"] == "user_enrolments could not be merged"


@pytest.mark.parametrize(
    "original",
    [None, b"", b"{", b"[]", b'{"mid": 1}', b"\xff", b"[" * 100_000, b'{"mid": "' + b"x" * 100_000 + b'"}'],
)
def test_what_cannot_be_read_is_a_line_of_bounded_length(original: bytes | None, log: Log) -> None:
    apply(LogSettings(level="INFO", format="json"))
    log_failed(FailedEvent("ERR", "e" * 100_000, an_event().source, original))
    (line,) = log.lines
    assert len(json.dumps(line)) < 1_500


def test_text_has_the_same_fields_in_one_line(log: Log) -> None:
    apply(LogSettings(level="INFO", format="text"))
    log_merged(a_merge(), sync_requests=1, follow_ups=0)
    one = an_event(b'{"mid": "two\\nlines"}')
    log_failed(FailedEvent(DATA_ERROR, "why", one.source, one.original))
    merged, failed = log.text.splitlines()
    assert f' INFO transforms.event_log: An event has been merged. mid="LP.1" source="{one.source.id}"' in merged
    assert '"written": 3' in merged
    assert "ms=12" in merged
    assert r'mid="two\nlines"' in failed


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_account_ids_are_logged_at_debug_only(level: str, form: str, log: Log) -> None:
    apply(LogSettings(level=level, format=form))
    one = an_event(b'{"mid": "LP.1", "edata": {"fromAccountId": "account-of-asha"}}')
    log_merged(a_merge(), 1, 0)
    log_failed(FailedEvent(DATA_ERROR, "why", one.source, one.original))
    assert ("account-of-" in log.text) == (level == "DEBUG")
    assert len(log.text.splitlines()) == {"DEBUG": 3, "INFO": 2}.get(level, 0)


def test_json_has_the_traceback_in_its_line(log: Log) -> None:
    apply(LogSettings(level="INFO", format="json"))
    for name in ("transforms.x", "some.library"):
        try:
            {}["x"]
        except KeyError:
            logging.getLogger(name).warning("It failed %s.", "twice", exc_info=True)
    for line in log.lines:
        assert line["message"] == "It failed twice."
        assert line["exception"].startswith("Traceback")


def test_of_a_library_text_has_warnings_without_their_stack(log: Log) -> None:
    apply(LogSettings(level="DEBUG", format="text"))
    try:
        {}["x"]
    except KeyError:
        logging.getLogger("some.library").warning("It failed.", exc_info=True)
        logging.getLogger("transforms.x").warning("We failed.", exc_info=True)
    logging.getLogger("some.library").info("all the time")
    theirs, ours, *stack = log.text.splitlines()
    assert theirs.endswith("some.library: It failed. (KeyError: 'x')")
    assert ours.endswith("transforms.x: We failed.")
    assert stack[0].startswith("Traceback")
    assert "all the time" not in log.text


def test_a_process_begins_by_its_environment(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    for level, form in (("debug", "JSON"), ("nonsense", "nonsense")):
        monkeypatch.setenv("LOG_LEVEL", level)
        monkeypatch.setenv("LOG_FORMAT", form)
        begin_logging()
        logging.getLogger("transforms.x").debug("early")
    (line,) = log.lines
    assert line["message"] == "early"


def test_the_configuration_reaches_a_process_that_has_begun_before_it_was_known(log: Log) -> None:
    logging.getLogger("transforms.x").info("before")
    apply(LogSettings(level="WARNING", format="json"))
    logging.getLogger("transforms.x").info("not any more")
    logging.getLogger("transforms.x").warning("after")
    before, after = log.text.splitlines()
    assert before.endswith("INFO transforms.x: before")
    assert json.loads(after)["message"] == "after"


def test_the_stages_bring_the_configuration_to_a_worker(log: Log) -> None:
    settings = resolve(["--log_level=WARNING", "--log_format=json"], {})
    stage = pickle.loads(pickle.dumps(LogMergeFn(settings.cassandra, settings.merge)))
    stage.setup()
    logging.getLogger("transforms.x").info("not any more")
    logging.getLogger("transforms.x").warning("after")
    (line,) = log.lines
    assert line["message"] == "after"


def test_where_logging_is_not_ours_it_stays_as_it_is() -> None:
    level, handlers = logging.getLogger("transforms").level, logging.getLogger().handlers[:]
    apply(LogSettings(level="ERROR", format="json"))
    assert (logging.getLogger("transforms").level, logging.getLogger().handlers) == (level, handlers)
