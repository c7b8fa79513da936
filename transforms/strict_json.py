"""JSON as RFC 8259 has it, and only what can be written back: the one place that reads and writes messages."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def read_json(message: bytes) -> Any:
    """Read a message.

    Raises:
        UnicodeDecodeError: if it is not UTF-8.
        ValueError: if it is not JSON, or holds what could not be written back as JSON: NaN, Infinity, a number
            beyond a double, or nesting too deep for Python's stack.
    """
    try:
        return _DECODER.decode(message.decode("utf-8"))
    except RecursionError as e:
        msg = "it is nested too deeply"
        raise ValueError(msg) from e


def write_json(value: Any) -> bytes:
    """Write a message: UTF-8, compact, text unescaped, so that no letter takes more bytes than it had.

    JSON can escape half of a surrogate pair, which UTF-8 cannot hold: only that is escaped again.

    Raises:
        RecursionError: if it is nested almost too deeply.
    """
    return _ENCODER.encode(value).encode("utf-8", "backslashreplace")


def _refuse(name: str) -> NoReturn:
    msg = f"{name} is not a JSON value"
    raise ValueError(msg)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        msg = f"the number {digits[:40]} is too large"
        raise ValueError(msg)
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
"""Made once: json.loads makes another each time that it is given a function."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
