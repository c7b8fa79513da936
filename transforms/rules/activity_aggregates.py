"""The rules of user_activity_agg."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from transforms.rules.attempt_details import attempts_by_content, number, union_of_attempts
from transforms.rules.joins import larger_by_key
from transforms.rules.rows import Row, RowWrite
from transforms.rules.table_rules import TableRules, change_of_column

Numbers = Mapping[str, float]
"""What is known of a course, by key: completedCount, score:X, max_score:X and attempts_count:X of a content X."""

_SCORE, _MAX_SCORE, _ATTEMPTS_COUNT = "score:", "max_score:", "attempts_count:"

_MAPS = {"aggregates", "agg", "agg_last_updated"}
"""The columns whose rule needs more than their own two values: they are merged in _changes."""

_RULES = TableRules(
    account="user_id",
    key=("activity_type", "activity_id", "context_id"),
    columns={"agg_details": union_of_attempts},
)


def what_readers_see(row: Row) -> dict[str, float]:
    """The numbers of a row as the platform's readers see them: agg overlaid by aggregates."""
    agg, aggregates = _numbers(row, "agg"), _numbers(row, "aggregates")
    return {**{key: float(value) for key, value in agg.items()}, **aggregates}


def merge_user_activity_aggregates(
    to_account: str, from_rows: Iterable[Row], to_rows: Iterable[Row], *, now: Any
) -> list[RowWrite]:
    """Merge the from account's aggregates into the to account's (design.md, "The merge, table by table").

    A row that the to account does not have is merged with an empty one: all of its keys change, and its attempts
    are counted like any others, so that merging again changes nothing.

    Args:
        to_account: the account that receives the aggregates.
        from_rows: the from account's rows of any number of courses, each with every column of the table: one that
            a row lacks is one that the table lacks, and is not written.
        to_rows: the to account's rows, at least those of the same keys.
        now: the time of the merge.

    Returns:
        The rows to write, in the order of their keys.
    """
    writes = []
    for key, from_row, to_row in _RULES.matches(from_rows, to_rows):
        changes = _changes(_readable(from_row), {}, now) if to_row is None else _changes(from_row, to_row, now)
        values = {column: value for column, value in changes.items() if column in from_row}
        if values:  # of a copied row there are none where the table lacks the columns, and so nothing is lacked
            writes.append(_RULES.upsert(to_account, key, values))
    return writes


def _readable(row: Row) -> Row:
    """The row, with `aggregates` if it has none: a legacy row has agg alone, on which readers fail."""
    if row.get("aggregates"):
        return row
    return row | {"aggregates": {"completedCount": float(_numbers(row, "agg").get("completedCount", 0))}}


def _changes(from_row: Row, to_row: Row, now: Any) -> Row:
    """The columns that change in the to account's row, of maps the entries."""
    differences = _RULES.differences(from_row, to_row)
    changes = _RULES.changes({column: both for column, both in differences.items() if column not in _MAPS})
    details = changes.get("agg_details") or to_row.get("agg_details") or ()

    in_aggregates = {_joined_as(key) for row in (from_row, to_row) for key in _numbers(row, "aggregates")}
    seen = _join_numbers(what_readers_see(from_row), what_readers_see(to_row))
    aggregates = {key: value for key, value in seen.items() if _joined_as(key) in in_aggregates}
    agg = _join_numbers(_numbers(from_row, "agg"), _numbers(to_row, "agg"))

    changes |= change_of_column("aggregates", to_row.get("aggregates"), _with_attempts(aggregates, details, float))
    changes |= change_of_column("agg", to_row.get("agg"), _with_attempts(agg, details, int))
    changed_keys = sorted({*changes.get("aggregates", ()), *changes.get("agg", ())})
    updated = _numbers(to_row, "agg_last_updated")
    later = larger_by_key(_numbers(from_row, "agg_last_updated"), updated)
    # Joined with now: a time that was stored by a clock that is ahead may be later than now, and must not shrink.
    later = larger_by_key(dict.fromkeys(changed_keys, now), later)
    return changes | change_of_column("agg_last_updated", updated, later)


def _numbers(row: Row, column: str) -> Mapping[str, Any]:
    return row.get(column) or {}


def _joined_as(key: str) -> str:
    """The key that decides which side a key is taken from: for a max_score that is its score."""
    return key.removeprefix("max_") if key.startswith(_MAX_SCORE) else key


def _join_numbers(from_numbers: Numbers, to_numbers: Numbers) -> dict[str, float]:
    """Two maps of numbers joined key by key: the larger number, and a max_score from where its score is from."""
    joined = larger_by_key(from_numbers, to_numbers)
    for key in joined:
        if key.startswith(_SCORE):
            max_score = _MAX_SCORE + key.removeprefix(_SCORE)
            better = max(
                to_numbers, from_numbers, key=lambda side: (number(side.get(key)), number(side.get(max_score)))
            )
            if max_score in better:
                joined[max_score] = better[max_score]
    return joined


def _with_attempts(joined: Numbers, details: Iterable[str], kind: type[float]) -> Numbers:
    """The numbers, each attempts_count raised to the number of distinct attempts on its content in the details."""
    counts = [key for key in joined if key.startswith(_ATTEMPTS_COUNT)]
    if not counts:
        return joined
    attempts = attempts_by_content(details)
    distinct = {key: kind(attempts[key.removeprefix(_ATTEMPTS_COUNT)]) for key in counts}
    return larger_by_key(distinct, joined)
