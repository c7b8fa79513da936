"""What a rule reads and what it decides to write."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, NamedTuple

Row = dict[str, Any]
"""A Cassandra row by column name; a null column is None or absent."""

StoredRow = tuple[bytes | None, ...]
"""A row as it is stored: the value of each column of the table, in the table's order, None for null.

A rule hands one on, from a Pair to a RowWrite, and never looks into it.
"""

DifferingColumns = dict[str, tuple[Any, Any]]
"""Of two rows, the columns in which they differ: (the from account's value, the to account's), None for null."""

Counts = tuple[int | None, ...]


_LAST_US = 2**63 - 1


class Pair(NamedTuple):
    """A row of the from account, and what the to account has of the same key.

    Attributes:
        key: the primary key but for the account.
        from_row: the from account's row.
        differences: the columns in which the to account's row differs, but for key and counters; None where the
            to account has no row of that key, so that the from account's is copied.
        from_counts: the from account's counters.
        to_counts: the to account's counters, all null where it has no row.
        to_written_us: when the latest of the to account's counters was written, by whatever clock that was, in
            microseconds since the epoch; 0 where none was.
    """

    key: tuple[str, ...]
    from_row: Row | StoredRow
    differences: DifferingColumns | None
    from_counts: Counts = ()
    to_counts: Counts = ()
    to_written_us: int = 0


class RowWrite(NamedTuple):
    """The change of one row of the to account.

    Attributes:
        values: the columns to write, none of them null, and the to account. Of a row that is not copied they have
            the whole primary key; maps hold only the entries that change, lists are whole.
        copied: the from account's row, where it is inserted as it is but for `values`.
        replaces: whether the copied row takes the place of one that the to account has: its nulls are written too.
        later_than_us: when the counters were written that the new ones were computed from, in microseconds since
            the epoch.
    """

    values: Row
    copied: Row | StoredRow | None = None
    replaces: bool = False
    later_than_us: int = 0

    def timestamp_us(self, now_us: int) -> int:
        """The write's timestamp: now, or later where a clock that is ahead wrote what this replaces.

        At the end of all times it is the same; of two values of the same timestamp Cassandra keeps the larger.
        """
        return max(now_us, min(self.later_than_us + 1, _LAST_US))

    def columns(self) -> Row:
        """All columns that are written; a copied row must be a decoded one."""
        if not isinstance(self.copied, dict):
            return self.values
        columns = self.copied | self.values
        return {column: value for column, value in columns.items() if self.replaces or not is_null(value)}


def is_null(value: Any) -> bool:
    """Whether Cassandra would store nothing: null, or an empty collection, which it returns as null."""
    return value is None or (not value and isinstance(value, Sized) and not isinstance(value, str | bytes))
