"""Logging: what an operator acts on, as text or JSON, without what libraries say of their own insides."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from typing import Any

from transforms.variables import one_of, settings, variable

_OURS = ("transforms", "pipeline", "worker-pool")
"""The loggers of the job's own modules, whose level is log.level. Of libraries, warnings are logged."""

_NOISE = (
    # The driver offers its newest protocol first and takes the server's: how every connection begins.
    "Downgrading core protocol version",
    # Beam's Java worker leaves a channel to the garbage collector at the end of every bounded run.
    "was garbage collected without being shut down",
    # Beam looks for a faster checksum, which nothing here uses.
    "crcmod package not found",
    # A Java server of Beam's takes a second or two to start.
    "Waiting for grpc channel to be ready",
    # Beam's Python side does not know the options of the Java Flink runner; pipeline.configuration.options does.
    "Unparseable argument",
)

_handler = logging.StreamHandler()
"""On it all is logged to stderr, once logging has begun."""


@settings
class LogSettings:
    """What is logged, and how.

    Attributes:
        level: what the job itself logs: DEBUG (with account ids), INFO (a line an event), WARNING or ERROR
        format: text, or json: an object a line
    """

    level: str = variable("log.level", "INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR"))
    format: str = variable("log.format", "text", one_of("text", "json"))


def begin_logging() -> None:
    """Log to stderr, by LOG_LEVEL and LOG_FORMAT of the environment until the configuration is known."""
    _handler.addFilter(_is_no_noise)
    logging.basicConfig(level=logging.WARNING, handlers=[_handler], force=True)
    # kafka-python logs every attempt to connect as an error, and then raises the last one.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    given = {}
    for name, default in (("level", "INFO"), ("format", "text")):
        given[name] = os.environ.get(f"LOG_{name.upper()}", default)
    try:
        apply(LogSettings(level=given["level"].upper(), format=given["format"].lower()))
    except ValueError:
        apply(LogSettings(level="INFO", format="text"))  # the configuration refuses it in a sentence


def apply(log: LogSettings) -> None:
    """Log as the configuration says, where this process has begun to log; elsewhere logging is not ours.

    A worker on Flink begins before it knows the configuration, which comes with the stages.
    """
    if _handler not in logging.getLogger().handlers:
        return
    _handler.setFormatter(JsonFormatter() if log.format == "json" else TextFormatter())
    for name in _OURS:
        logging.getLogger(name).setLevel(log.level)


class TextFormatter(logging.Formatter):
    """A line, with the fields of an event behind the message; of a library's exception only what it says."""

    def __init__(self) -> None:
        """Take the line's format."""
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        if record.exc_info and not _is_ours(record):
            error = record.exc_info[1]
            record = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
            return f"{super().format(record)} ({type(error).__name__}: {error})"
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Format the line itself."""
        fields = [f" {name}={json.dumps(value, default=str)}" for name, value in _fields(record).items()]
        return super().formatMessage(record) + "".join(fields)


class JsonFormatter(logging.Formatter):
    """An object a line: time, level, logger, message, the fields of an event, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "fields", {})


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in _OURS


def _is_no_noise(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(noise in message for noise in _NOISE)
