"""One shape for what a merge does to a row: previews, verifications and tests speak of changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from transforms.rules.rows import Row, RowWrite, is_null
from transforms.rules.table_rules import differ

_COURSE = ("courseid", "collectionid", "activity_id", "course_id", "collection_id")
"""What the tables call the course, each one of these."""

_KINDS = {
    "activity_id": "Scores and progress",
    "attempt_id": "Attempts at assessments",
    "contentid": "Contents",
    "originid": "Where views came from",
}
"""By a column of the primary key that no other table has."""


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one row of the to account.

    Attributes:
        table: the table's name in Cassandra.
        key: the row's primary key by column, that of the to account among them.
        copied: whether the to account had no row of this key.
        columns: each column whose value changes, with the old value and the new, None for null; maps and lists
            are whole.
        unchanged: the other columns that have a value, but for the key.
    """

    table: str
    key: Row
    copied: bool
    columns: Mapping[str, tuple[Any, Any]]
    unchanged: Row

    @property
    def kind(self) -> str:
        """What the table's rows are, for people, whatever it is called."""
        return next((kind for column, kind in _KINDS.items() if column in self.key), "Enrolments")

    @property
    def course(self) -> str:
        """The course that the row is of."""
        return str(next(self.key[column] for column in _COURSE if column in self.key))


def changes(table: str, key: Sequence[str], writes: Iterable[RowWrite], to_rows: Iterable[Row]) -> list[Change]:
    """What writes change, beside the rows as they were.

    Args:
        table: the table's name.
        key: the columns of its primary key.
        writes: what the rules decided, of which what is copied is decoded.
        to_rows: the to account's rows that the rules were given, decoded.

    Returns:
        a change for each write, in their order.
    """
    key_of = itemgetter(*key)
    old_rows = {key_of(row): row for row in to_rows}
    found = []
    for write in writes:
        new_row = write.columns()
        old_row = old_rows.get(key_of(new_row))
        named = {column: new_row[column] for column in key}
        columns = {}
        for column in new_row.keys() - named.keys():
            old, new = (old_row or {}).get(column), new_row[column]
            if isinstance(new, Mapping) and isinstance(old, Mapping) and not write.replaces:
                new = {**old, **new}
            new = None if is_null(new) else new
            if differ(old, new):
                columns[column] = old, new
        unchanged = {
            column: value
            for column, value in (old_row or {}).items()
            if column not in columns and column not in named and not is_null(value)
        }
        found.append(Change(table, named, old_row is None, dict(sorted(columns.items())), unchanged))
    return found
