"""The pipeline's commands, as processes of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.errors import LocalError
from local.settings import PROJECT

_START_UP_S = 120
_LEAST_EVENTS_A_S = 2
"""Slower than this is taken for a standstill."""


def patience_s(events: int) -> float:
    """How long to wait at most until so many events are merged by a job that is up, in seconds."""
    return _START_UP_S + events / _LEAST_EVENTS_A_S


@contextmanager
def started(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command whose output goes to a file; it is ended with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], log: Path, *, events: int) -> None:
    """Wait until the command has merged so many events and ended.

    Raises:
        LocalError: if it fails, or takes too long.
    """
    timeout_s = _START_UP_S + patience_s(events)
    try:
        exit_code = process.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired as e:
        msg = f"The pipeline has not ended after {timeout_s:.0f} s; see {log}."
        raise LocalError(msg) from e
    if exit_code:
        msg = f"The pipeline ended with {exit_code}; see {log}."
        raise LocalError(msg)
