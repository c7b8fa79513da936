"""The items of agg_details: the attempts at assessments, each a JSON string."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from transforms.rules.joins import union
from transforms.strict_json import read_json

_JAVA_DATE = "%b %d %Y %I:%M:%S %p"
"""How the platform's JSON library writes a date, for example Jan 2, 2026, 9:00:00 AM, without commas."""


def union_of_attempts(from_details: Iterable[str], to_details: Iterable[str]) -> list[str]:
    """A join: the attempts of both, by attempt_id; of two that differ, the one attempted later.

    What is no attempt is compared whole.
    """
    return union(from_details, to_details, _identity, _rank)


def attempts_by_content(details: Iterable[str]) -> Counter[str]:
    """How many distinct attempts there are on each content."""
    contents = {attempt.attempt_id: attempt.content_id for attempt in map(_attempt, details) if attempt}
    return Counter(content for content in contents.values() if content is not None)


def attempt_ids(details: Iterable[str]) -> set[str]:
    """The ids of the attempts that there are."""
    return {attempt.attempt_id for attempt in map(_attempt, details) if attempt}


class _Attempt(NamedTuple):
    """What is compared of an attempt; -inf stands for a time or score that is none."""

    attempt_id: str
    content_id: str | None
    attempted_ms: float
    score: float


@lru_cache(maxsize=4_096)
def _attempt(detail: str) -> _Attempt | None:
    """The attempt that an item describes, if it is such JSON; cached, since a merge asks several times."""
    try:
        fields = read_json(detail.encode())
    except ValueError:
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("attempt_id"), str):
        return None
    content = fields.get("content_id")
    return _Attempt(
        fields["attempt_id"],
        content if isinstance(content, str) else None,
        _milliseconds(fields.get("last_attempted_on")),
        number(fields.get("score")),
    )


def _identity(detail: str) -> Hashable:
    attempt = _attempt(detail)
    return (attempt.attempt_id,) if attempt else detail


def _rank(detail: str) -> tuple[float, float, str]:
    attempt = _attempt(detail)
    return (attempt.attempted_ms, attempt.score, detail) if attempt else (-math.inf, -math.inf, detail)


def _milliseconds(time: Any) -> float:
    """When an attempt was made, in ms since the epoch: a number says so by itself, text in one of two ways."""
    if not isinstance(time, str):
        return number(time)
    try:
        return _moment(time).timestamp() * 1000
    except ValueError:
        return -math.inf


def _moment(text: str) -> datetime:
    """A date in the way of the platform's JSON library, or in ISO 8601; in UTC unless it says otherwise."""
    words = " ".join(text.replace(",", " ").split())  # from Java 20 on there is a space of another kind before AM
    if words[:1].isalpha():
        return datetime.strptime(f"{words} +0000", f"{_JAVA_DATE} %z")
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def number(value: Any) -> float:
    """A number, or -inf for what is none, which loses to any other."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    return value if is_number else -math.inf
