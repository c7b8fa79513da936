"""The rules of one table, by column, and how they are applied to a row of each account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any

from transforms.rules.joins import Join
from transforms.rules.rows import PartlyDecoded, Row, RowWrite, is_null


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

    def pairs(self, from_rows: Iterable[Row], to_rows: Iterable[Row]) -> Iterator[tuple[Row, Row | None]]:
        """Each from row, in the order of the key, with the to account's row of the same key."""
        key_of = itemgetter(*self.key)
        own = {key_of(row): row for row in to_rows}
        for row in sorted(from_rows, key=key_of):
            yield row, own.get(key_of(row))

    def values(self, theirs: Row, own: Row | None) -> Row:
        """The columns to write: all of a row that is copied, but of its raw none, else those that change."""
        return self._copy(theirs) if own is None else self._changes(theirs, own)

    def write(self, to_account: str, theirs: Row, own: Row | None, values: Row) -> RowWrite:
        """The write of `values` under the to account's primary key."""
        if own is None and isinstance(theirs, PartlyDecoded):
            return RowWrite(True, {self.account: to_account} | values, theirs.raw)
        key = {self.account: to_account} | {column: theirs[column] for column in self.key}
        return RowWrite(own is None, key | values)

    def _copy(self, theirs: Row) -> Row:
        if isinstance(theirs, PartlyDecoded):
            return {}
        return {
            column: value
            for column, value in theirs.items()
            if (value or not is_null(value)) and column not in self._of_the_key
        }

    def _changes(self, theirs: Row, own: Row) -> Row:
        changes: Row = {}
        join_of, passed_over = self.joins.get, self._without_join_of_its_own
        for column, value in theirs.items():
            old = own.get(column)
            if value == old or column in passed_over or (not value and is_null(value)):
                continue
            if old or not is_null(old):
                join = join_of(column)
                if join is None:
                    continue
                new = join(old, value)
            else:
                new = value
            if new is value and type(value) is not dict:
                changes[column] = value
            elif new is not old:
                changes |= change(column, old, new)
        for time, columns in self.together.items():
            changes |= _of_the_later(time, columns, theirs, own)
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


def _of_the_later(time: str, columns: tuple[str, ...], theirs: Row, own: Row) -> Row:
    """The changes of columns that are taken together, from the side whose time is later.

    At the same time the larger values are kept. A null loses whatever the time of its side. No rule could let null
    lose and be independent of order as well: a later side without values leaves its time in the row, which no
    longer says when the values that stay were written.
    """

    def rank(row: Row) -> list[tuple[bool, Any]]:
        return [_null_first(row.get(column)) for column in (time, *columns)]

    their_time, own_time = theirs.get(time), own.get(time)
    if their_time is None or own_time is None or their_time == own_time:
        theirs_is_later = rank(theirs) > rank(own)
    else:
        theirs_is_later = their_time > own_time
    later, other = (theirs, own) if theirs_is_later else (own, theirs)
    taken = {column: other.get(column) if later.get(column) is None else later[column] for column in columns}
    return {column: value for column, value in taken.items() if value != own.get(column)}


def _null_first(value: Any) -> tuple[bool, Any]:
    return value is not None, value
