"""What the rules decided, as changes with the values that people read."""

from __future__ import annotations

from collections.abc import Iterable

from cassandra.metadata import TableMetadata

from transforms.rules.changes import Change, changes
from transforms.rules.rows import Row, RowWrite, StoredRow
from transforms.store.rows import Columns


def changes_of(
    table: TableMetadata, columns: Columns, writes: Iterable[RowWrite], to_rows: Iterable[Row | StoredRow]
) -> list[Change]:
    """What writes to a table change; times are datetimes in UTC.

    Args:
        table: the table as it is.
        columns: its columns, in the order of stored rows.
        writes: what the rules decided.
        to_rows: the to account's rows that the rules were given.
    """
    readable = (
        write._replace(
            values=columns.readable(write.values),
            copied=None if write.copied is None else columns.readable(write.copied),
        )
        for write in writes
    )
    key = [column.name for column in table.primary_key]
    return changes(table.name, key, readable, map(columns.readable, to_rows))
