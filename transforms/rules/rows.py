"""What a rule reads and what it decides to write."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, NamedTuple

Row = dict[str, Any]
"""A Cassandra row by column name; a null column is None or absent."""


class PartlyDecoded(dict[str, Any]):
    """A Row of which only some columns are decoded, with all of them as they are stored.

    Attributes:
        raw: the value of each column of the table, in the table's order, None for null.
    """

    __slots__ = ("raw",)

    def __init__(self, decoded: Row, raw: Sequence[bytes | None]) -> None:
        """Take the columns that are decoded, and all of them."""
        super().__init__(decoded)
        self.raw = raw


class RowWrite(NamedTuple):
    """The change of one row of the to account.

    Attributes:
        copied: whether the to account had no such row, so that it is inserted.
        values: the whole primary key, with the to account in it, and only the columns to write, none of them
            null. For a row that was there, maps hold only the entries that change, and lists are whole.
        raw: of a row that is copied from a PartlyDecoded, its raw, which has every column that is not in `values`;
            there, `values` need only have the to account.
    """

    copied: bool
    values: Row
    raw: Sequence[bytes | None] | None = None


def is_null(value: Any) -> bool:
    """Whether Cassandra would store nothing: null, or an empty collection, which it returns as null."""
    return value is None or (not value and isinstance(value, Sized) and not isinstance(value, str | bytes))
