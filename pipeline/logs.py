"""Logging of the command: what an operator acts on, without what libraries say of their own insides."""

from __future__ import annotations

import logging
from typing import Any

_NOISE = (
    # The driver offers its newest protocol first and takes the server's: how every connection begins.
    "Downgrading core protocol version",
    # Beam's Java worker leaves a channel to the garbage collector at the end of every bounded run.
    "was garbage collected without being shut down",
    # Beam looks for a faster checksum, which nothing here uses.
    "crcmod package not found",
    # A Java server of Beam's takes a second or two to start.
    "Waiting for grpc channel to be ready",
    # Beam's Python side does not know the options of the Java Flink runner; pipeline.options does.
    "Unparseable argument",
)


class _NoNoise(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return not any(noise in message for noise in _NOISE)


class _OneLineFormatter(logging.Formatter):
    """Leaves of an exception what it says: a library's stack tells an operator nothing."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        return f"({type(ei[1]).__name__}: {ei[1]})"


def configure_logging() -> None:
    """Log warnings of libraries and the job's own information to stderr."""
    handler = logging.StreamHandler()
    handler.addFilter(_NoNoise())
    handler.setFormatter(_OneLineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # kafka-python logs every attempt to connect as an error, and then raises the last one.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
