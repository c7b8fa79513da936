"""What a rule reads and what it decides to write."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, NamedTuple

Row = dict[str, Any]
"""A Cassandra row by column name; a null column is None or absent."""


StoredRow = tuple[bytes | None, ...]
"""A row as it is stored: the value of each column of the table, in the table's order, None for null."""

Differences = dict[str, tuple[Any, Any]]
"""The columns in which two rows differ: the from account's value, and the to account's.

Numbers and timestamps may be the bytes that are stored, which compare as they do: rules compare values of columns,
and compute with none.
"""

Counts = tuple[int | None, ...]


class Pair(NamedTuple):
    """A row of the from account, and what the to account has of the same key.

    Attributes:
        key: the primary key but for the account.
        copied: the from account's row, decoded or as it is stored, if the to account has none of that key.
        differences: if it has one, the columns in which they differ, but for key and counters.
        counts: the from account's counters.
        own_counts: the to account's counters, all null where it has no row.
    """

    key: tuple[str, ...]
    copied: Row | StoredRow | None
    differences: Differences
    counts: Counts
    own_counts: Counts


class RowWrite(NamedTuple):
    """The change of one row of the to account.

    Attributes:
        copied: whether the to account had no such row, so that it is inserted.
        values: the whole primary key, with the to account in it, and only the columns to write, none of them
            null. For a row that was there, maps hold only the entries that change, and lists are whole.
        stored: of a row that is copied as it is stored, all of it; there, `values` need only have the to account.
    """

    copied: bool
    values: Row
    stored: StoredRow | None = None


def is_null(value: Any) -> bool:
    """Whether Cassandra would store nothing: null, or an empty collection, which it returns as null."""
    return value is None or (not value and isinstance(value, Sized) and not isinstance(value, str | bytes))
