"""The rules of one table, by column, and how they are applied to a row of each account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from transforms.rules.joins import Join, keep_to
from transforms.rules.rows import DifferingColumns, Pair, Row, RowWrite, is_null


@dataclass(frozen=True, slots=True)
class FromLaterSide:
    """A rule: the value is taken from the row in which the column `time` is later.

    All columns with the same `time` are taken from one row.
    """

    time: str


@dataclass(frozen=True)
class TableRules:
    """How two rows of a table become one (design.md, "The merge, table by table").

    Attributes:
        account: the column of the primary key that holds the account.
        key: the other columns of the primary key.
        columns: the rule of each column; one without a rule keeps the to account's value unless it is null.
        counters: the columns that are summed, by other rules than these.
    """

    account: str
    key: tuple[str, ...]
    columns: Mapping[str, Join | FromLaterSide]
    counters: tuple[str, ...] = ()

    def matches(
        self, from_rows: Iterable[Row], to_rows: Iterable[Row]
    ) -> Iterator[tuple[tuple[str, ...], Row, Row | None]]:
        """The key of each from row, in order, the row, and the to account's row of the same key."""
        key_of = itemgetter(*self.key)
        to_row_of = {key_of(row): row for row in to_rows}
        for from_row in sorted(from_rows, key=key_of):
            key = key_of(from_row)
            yield key, from_row, to_row_of.get(key)

    def pairs(self, from_rows: Iterable[Row], to_rows: Iterable[Row]) -> Iterator[Pair]:
        """Each from row, in the order of the key, with what the to account has of the same key."""
        for key, from_row, to_row in self.matches(from_rows, to_rows):
            differences = None if to_row is None else self.differences(from_row, to_row)
            from_counts, to_counts = (
                tuple(row.get(counter) for counter in self.counters) for row in (from_row, to_row or {})
            )
            yield Pair(key, from_row, differences, from_counts, to_counts)

    def differences(self, from_row: Row, to_row: Row) -> DifferingColumns:
        """The columns in which two rows differ, but for key and counters."""
        differences = {}
        for column in {**from_row, **to_row}:
            from_value, to_value = from_row.get(column), to_row.get(column)
            if column not in self._not_compared and differ(from_value, to_value):
                differences[column] = from_value, to_value
        return differences

    def changes(self, differences: DifferingColumns) -> Row:
        """What the rules change in the to account's row: columns and their new values, of a map the entries."""
        changes: Row = {}
        joins, from_later_side = self._joins, self._from_later_side
        for column, (from_value, to_value) in differences.items():
            if column in from_later_side or (not from_value and is_null(from_value)):
                continue
            new = from_value
            if to_value or not is_null(to_value):
                new = joins.get(column, keep_to)(from_value, to_value)
            if new is from_value and not isinstance(new, dict):
                changes[column] = new
            elif new is not to_value:
                changes |= change_of_column(column, to_value, new)
        for time, columns in self._columns_by_time.items():
            changes |= _from_later_side(time, columns, differences)
        return changes

    def write(self, to_account: str, pair: Pair, values: Row) -> RowWrite:
        """The write of values to the to account's row; of a pair without one, its copy with these values."""
        if pair.differences is None:
            return RowWrite({self.account: to_account, **values}, pair.from_row)
        row = {self.account: to_account, **dict(zip(self.key, pair.key, strict=True)), **values}
        return RowWrite(row, later_than_us=pair.to_written_us)

    def replace(self, to_account: str, pair: Pair) -> RowWrite:
        """The write of the from account's row in place of the to account's, of which nothing stays."""
        return RowWrite({self.account: to_account}, pair.from_row, replaces=True)

    def upsert(self, to_account: str, key: tuple[str, ...], values: Row) -> RowWrite:
        """The write of values to the to account's row of this key, whether or not there is one."""
        return RowWrite({self.account: to_account, **dict(zip(self.key, key, strict=True)), **values})

    @cached_property
    def _not_compared(self) -> frozenset[str]:
        return frozenset((self.account, *self.key, *self.counters))

    @cached_property
    def _joins(self) -> dict[str, Join]:
        return {column: rule for column, rule in self.columns.items() if not isinstance(rule, FromLaterSide)}

    @cached_property
    def _from_later_side(self) -> dict[str, str]:
        return {column: rule.time for column, rule in self.columns.items() if isinstance(rule, FromLaterSide)}

    @cached_property
    def _columns_by_time(self) -> dict[str, list[str]]:
        by_time: dict[str, list[str]] = {}
        for column, time in self._from_later_side.items():
            by_time.setdefault(time, []).append(column)
        return by_time


def differ(one: Any, other: Any) -> bool:
    """Whether two values differ; unlike `!=`, NaN does not differ from itself."""
    return one is not other and bool(one != other)


def change_of_column(column: str, old: Any, new: Any) -> Row:
    """The column and its new value, of a map the entries that differ; empty if there is nothing to change."""
    if isinstance(new, Mapping):
        old = old or {}
        new = {key: value for key, value in new.items() if key not in old or differ(old[key], value)}
        return {column: new} if new else {}
    return {column: new} if differ(old, new) else {}


def _from_later_side(time: str, columns: Iterable[str], differences: DifferingColumns) -> Row:
    """The changes of columns that are taken from the row in which the column `time` is later.

    At the same time the first of the columns that differs decides, by the larger value. A null loses, whatever the
    time of its row: where the later row has no value, its time then stands beside the other row's value, of which
    it says nothing. Here the order of merges matters, and no rule could have it both ways.
    """
    differing = [column for column in columns if column in differences]
    if not differing:
        return {}
    from_value, to_value = differences[time if time in differences else differing[0]]
    is_from_later = to_value is None or (from_value is not None and from_value > to_value)
    changes = {}
    for column in differing:
        from_value, to_value = differences[column]
        if from_value is not None and (is_from_later or to_value is None):
            changes[column] = from_value
    return changes
