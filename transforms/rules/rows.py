"""What a rule reads and what it decides to write."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
"""A Cassandra row by column name; a null column is None or absent."""


@dataclass(frozen=True, slots=True)
class RowWrite:
    """The change of one row of the to account.

    Attributes:
        copied: whether the to account had no such row, so that it is inserted.
        values: the whole primary key, with the to account in it, and only the columns to write, none of them
            null. For a row that was there, maps hold only the entries that change, and lists are whole.
    """

    copied: bool
    values: Row


def is_null(value: Any) -> bool:
    """Whether Cassandra would store nothing: null, or an empty collection, which it returns as null."""
    return value is None or (not value and isinstance(value, Sized) and not isinstance(value, str | bytes))
