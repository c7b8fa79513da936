"""The rules of one table, by column, and how they are applied to a row of each account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any

from transforms.rules.joins import Join
from transforms.rules.rows import Differences, Pair, Row, RowWrite, is_null

_EQUAL = None, None
"""For a rule, all columns that do not differ are the same."""


@dataclass(frozen=True)
class TableRules:
    """How two rows of a table become one (design.md, "The merge, table by table").

    Attributes:
        account: the column of the primary key that holds the account.
        key: the other columns of the primary key.
        joins: the join of each column; of one without a join the primary's value stays unless it is null.
        together: by a column with a time, the columns that are taken together from the side where it is later.
    """

    account: str
    key: tuple[str, ...]
    joins: Mapping[str, Join]
    together: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def pairs(
        self, from_rows: Iterable[Row], to_rows: Iterable[Row], counters: Sequence[str] = ()
    ) -> Iterator[Pair]:
        """Each from row, in the order of the key, with the to account's row of the same key."""
        for key, theirs, own in self.matches(from_rows, to_rows):
            yield self.pair(key, theirs, own, counters)

    def matches(
        self, from_rows: Iterable[Row], to_rows: Iterable[Row]
    ) -> Iterator[tuple[tuple[str, ...], Row, Row | None]]:
        """The key of each from row, in order, the row, and the to account's row of the same key."""
        key_of = itemgetter(*self.key)
        own = {key_of(row): row for row in to_rows}
        for row in sorted(from_rows, key=key_of):
            yield key_of(row), row, own.get(key_of(row))

    def pair(self, key: tuple[str, ...], theirs: Row, own: Row | None, counters: Sequence[str] = ()) -> Pair:
        """Two decoded rows as a pair."""
        counts = tuple(theirs.get(counter) for counter in counters)
        if own is None:
            return Pair(key, theirs, {}, counts, (None,) * len(counters))
        differences = {
            column: (theirs.get(column), own.get(column))
            for column in {**theirs, **own}
            if column not in counters and _differs(theirs.get(column), own.get(column))
        }
        return Pair(key, None, differences, counts, tuple(own.get(counter) for counter in counters))

    def values(self, pair: Pair) -> Row:
        """The columns to write: all of a row that is copied, but of a stored one none, else those that change."""
        if pair.copied is None:
            return self._changes(pair.differences)
        return {} if isinstance(pair.copied, tuple) else self._copy(pair.copied)

    def write(self, to_account: str, pair: Pair, values: Row) -> RowWrite:
        """The write of `values` under the to account's primary key."""
        if isinstance(pair.copied, tuple):
            return RowWrite(True, {self.account: to_account, **values}, pair.copied)
        key = dict(zip(self.key, pair.key, strict=True))
        return RowWrite(pair.copied is not None, {self.account: to_account, **key, **values})

    def _copy(self, theirs: Row) -> Row:
        return {
            column: value
            for column, value in theirs.items()
            if (value or not is_null(value)) and column not in self._of_the_key
        }

    def _changes(self, differences: Differences) -> Row:
        changes: Row = {}
        join_of, passed_over = self.joins.get, self._without_join_of_its_own
        for column, (value, old) in differences.items():
            if column in passed_over or (not value and is_null(value)):
                continue
            new = value
            if old or not is_null(old):
                join = join_of(column)
                new = old if join is None else join(old, value)
                if new is old:
                    continue
            if new is value and type(value) is not dict:
                changes[column] = value
            else:
                changes |= change(column, old, new)
        for time, columns in self.together.items():
            changes |= _of_the_later(time, columns, differences)
        return changes

    @cached_property
    def _of_the_key(self) -> frozenset[str]:
        return frozenset((self.account, *self.key))

    @cached_property
    def _without_join_of_its_own(self) -> frozenset[str]:
        taken_together = (column for columns in self.together.values() for column in columns)
        return frozenset((self.account, *taken_together))


def change(column: str, old: Any, new: Any) -> Row:
    """The column with its new value, or nothing if that is the old one; of a map, the entries that differ."""
    if isinstance(new, Mapping):
        old = old or {}
        entries = {key: value for key, value in new.items() if key not in old or _differs(old[key], value)}
        return {column: entries} if entries else {}
    return {column: new} if _differs(old, new) else {}


def _differs(old: Any, new: Any) -> bool:
    return old is not new and bool(old != new)  # NaN differs from itself


def _of_the_later(time: str, columns: tuple[str, ...], differences: Differences) -> Row:
    """The changes of columns that are taken together, from the side whose time is later.

    At the same time the larger values are kept. A null loses whatever the time of its side. No rule could let null
    lose and be independent of order as well: a later side without values leaves its time in the row, which no
    longer says when the values that stay were written.
    """
    differing = [column for column in columns if column in differences]
    if not differing:
        return {}
    their_time, own_time = differences.get(time, _EQUAL)
    if their_time is None or own_time is None:
        theirs_is_later = _rank(0, time, differing, differences) > _rank(1, time, differing, differences)
    else:
        theirs_is_later = their_time > own_time
    changes: Row = {}
    for column in differing:
        theirs, own = differences[column]
        if theirs is not None and (theirs_is_later or own is None):
            changes[column] = theirs
    return changes


def _rank(side: int, time: str, columns: Iterable[str], differences: Differences) -> list[tuple[bool, Any]]:
    return [_null_first(differences.get(column, _EQUAL)[side]) for column in (time, *columns)]


def _null_first(value: Any) -> tuple[bool, Any]:
    return value is not None, value
