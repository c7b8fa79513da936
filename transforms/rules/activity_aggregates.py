"""The rules of user_activity_agg."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from transforms.rules.joins import larger, larger_by_key, union
from transforms.rules.rows import Row, RowWrite
from transforms.rules.table_rules import TableRules, change
from transforms.strict_json import read_json

_NUMBERS: Mapping[str, Callable[[int], float]] = {"aggregates": float, "agg": int}
"""The maps with the numbers, and the type of their values."""

_SCORE, _MAX_SCORE, _ATTEMPTS_COUNT = "score:", "max_score:", "attempts_count:"

_NO_ROW: Row = {}


def merge_user_activity_aggregates(
    to_account: str, from_rows: Iterable[Row], to_rows: Iterable[Row], *, now: Any
) -> list[RowWrite]:
    """Merge the from account's aggregates into the to account's (design.md, "The merge, table by table").

    A copied row is merged with nothing: all of its keys change, and its attempts are counted like any others, so
    that merging again changes nothing.

    Args:
        to_account: the account that receives the aggregates.
        from_rows: the from account's rows of any number of courses.
        to_rows: the to account's rows, at least those of the same keys.
        now: the time of the merge.

    Returns:
        The rows to write, in the order of their keys.
    """
    writes = []
    for key, from_row, own in _RULES.matches(from_rows, to_rows):
        theirs = _readable(from_row) if own is None else from_row
        pair = _RULES.pair(key, theirs, own)
        values = _RULES.values(pair)
        details = values.get("agg_details") or (own or _NO_ROW).get("agg_details") or ()
        values |= _changed_numbers(theirs, own or _NO_ROW, details, now)
        if own is None or values:
            writes.append(_RULES.write(to_account, pair, values))
    return writes


def _readable(row: Row) -> Row:
    """A legacy row, from before aggregates took the place of agg, with aggregates: readers fail without."""
    if row.get("aggregates"):
        return row
    return row | {"aggregates": {"completedCount": float((row.get("agg") or {}).get("completedCount", 0))}}


def _changed_numbers(theirs: Row, own: Row, details: Iterable[str], now: Any) -> Row:
    changes: Row = {}
    for column, number in _NUMBERS.items():
        old = own.get(column) or {}
        merged = _join_numbers(old, theirs.get(column) or {}, details, number)
        changes |= change(column, old, merged)
    changed_keys = {key for entries in changes.values() for key in entries}
    old = own.get("agg_last_updated") or {}
    updated = larger_by_key(old, theirs.get("agg_last_updated") or {})
    # Joined with now, not replaced by it, lest a time from a clock that runs ahead gets smaller.
    updated = larger_by_key(updated, dict.fromkeys(sorted(changed_keys), now))
    return changes | change("agg_last_updated", old, updated)


def _join_numbers(
    own: Mapping[str, float],
    theirs: Mapping[str, float],
    details: Iterable[str],
    number: Callable[[int], float],
) -> dict[str, float]:
    merged = larger_by_key(own, theirs)
    attempts: Counter[str] | None = None
    for key, value in merged.items():
        if key.startswith(_SCORE):
            max_score = _MAX_SCORE + key.removeprefix(_SCORE)
            better = max(own, theirs, key=lambda side: (_number(side.get(key)), _number(side.get(max_score))))
            if max_score in better:
                merged[max_score] = better[max_score]
        elif key.startswith(_ATTEMPTS_COUNT):
            attempts = _attempts(details) if attempts is None else attempts
            merged[key] = larger(value, number(attempts[key.removeprefix(_ATTEMPTS_COUNT)]))
    return merged


def _union_of_details(own: Iterable[str], theirs: Iterable[str]) -> list[str]:
    return union(own, theirs, _identity, _rank)


def _attempts(details: Iterable[str]) -> Counter[str]:
    """How many distinct attempts there are on each content."""
    contents = {attempt["attempt_id"]: attempt.get("content_id") for attempt in map(_attempt, details) if attempt}
    return Counter(content for content in contents.values() if isinstance(content, str))


@lru_cache(maxsize=4_096)
def _attempt(detail: str) -> Mapping[str, Any]:
    """The attempt that an item of agg_details describes; empty if it is no such JSON.

    A merge asks for each several times, which is what the cache is for.
    """
    try:
        attempt = read_json(detail.encode())
    except ValueError:
        return {}
    is_attempt = isinstance(attempt, dict) and isinstance(attempt.get("attempt_id"), str)
    return attempt if is_attempt else {}


_RULES = TableRules(
    account="user_id",
    key=("activity_type", "activity_id", "context_id"),
    joins={"agg_details": _union_of_details},
)


def _identity(detail: str) -> Hashable:
    attempt = _attempt(detail)
    return (attempt["attempt_id"],) if attempt else detail


def _rank(detail: str) -> tuple[Any, ...]:
    """Of two that have one attempt_id but differ, the one attempted last is kept, in the primary's place."""
    attempt = _attempt(detail)
    return _number(attempt.get("last_attempted_on")), _number(attempt.get("score")), detail


def _number(value: Any) -> float:
    """For comparing: what is not a number comes first."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    return value if is_number else -math.inf
