"""What must be true of rows that are merged, beside that merging them again changes nothing; pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from transforms.rules.activity_aggregates import what_readers_see
from transforms.rules.content_consumption import COUNTERS
from transforms.rules.rows import Row, is_null
from transforms.rules.view_counts import MAPS, MAX_INT, known

Content = tuple[str, str, str]
"""Course, batch and content."""

_SCORE, _MAX_SCORE = "score:", "max_score:"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        account: the account whose row it is.
        from_account: the account that was merged into it; None where that does not matter.
        table: the table's name in Cassandra; empty where it is an event that is concerned.
        key: the row's key, but for the account.
        column: the column; empty where it is the row itself.
        problem: what is wrong, in a few words.
    """

    account: str
    from_account: str | None
    table: str
    key: Mapping[str, Any]
    column: str
    problem: str


def below_floor(facts: Iterable[Row], totals: Mapping[Content, Row]) -> Iterator[tuple[Content, str, int, int]]:
    """The counts that are below what the ledger says (design.md, "Counting each view once").

    Args:
        facts: all facts of an account.
        totals: the account's rows of user_content_consumption.

    Yields:
        of each the content, the column, the count and its floor.
    """
    by_batch: dict[tuple[str, str], list[Row]] = {}
    for fact in facts:
        by_batch.setdefault((fact["courseid"], fact["batchid"]), []).append(fact)
    for batch, of_batch in sorted(by_batch.items()):
        for counter in COUNTERS:
            for content, by_origin in sorted(known(of_batch, counter).items()):
                floor = min(sum(by_origin.values()), MAX_INT)
                total = totals.get((*batch, content), {}).get(counter) or 0
                if total < floor:
                    yield (*batch, content), counter, total, floor


def has_counts_alone(row: Row, key: Iterable[str]) -> bool:
    """Whether a row of user_content_consumption has a count, and no other value."""
    columns = {column for column, value in row.items() if not is_null(value)} - {*key}
    return bool(columns) and columns <= {*MAPS}


def hidden_from_readers(from_row: Row, to_row: Row) -> Iterator[tuple[str, float, float | None]]:
    """What readers saw of a row of user_activity_agg, and see less of in the row that it was merged into.

    A max_score goes with its score: it counts where both rows have the same.

    Yields:
        of each the key, what they saw, and what they see; None where they see nothing.
    """
    saw, see = what_readers_see(from_row), what_readers_see(to_row)
    for key, value in sorted(saw.items()):
        if key.startswith(_MAX_SCORE):
            score = _SCORE + key.removeprefix(_MAX_SCORE)
            if saw.get(score) != see.get(score):
                continue
        seen = see.get(key)
        # NaN is neither less nor more than anything.
        if seen is None or seen < value:
            yield key, value, seen
