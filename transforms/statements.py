"""Prepared statements on one table, and how they are executed: side by side, with as little work as can be."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cassandra.cluster import Session
from cassandra.metadata import TableMetadata
from cassandra.query import UNSET_VALUE, BatchStatement, BatchType, BoundStatement

from transforms.rules.rows import Row
from transforms.stored_rows import PROTOCOL_VERSION, Columns, StoredRow

_IN_FLIGHT = 16


class Read:
    """A SELECT of rows of one table."""

    def __init__(
        self, session: Session, table: TableMetadata, where: str, columns: Sequence[str] | None = None
    ) -> None:
        """Prepare it.

        Args:
            session: whose client_protocol_handler is UndecodedRows.
            table: the table as it is.
            where: the condition, with a mark for each value to bind.
            columns: what is read; by default, every column.
        """
        names = ", ".join(name_of(column) for column in columns or table.columns)
        self._session = session
        self._prepared = session.prepare(f"SELECT {names} FROM {full_name(table)} WHERE {where}")
        self.columns = Columns({column[2]: column[3] for column in self._prepared.result_metadata})

    def rows(self, *values: Any) -> list[StoredRow]:
        """Its rows for these values."""
        return self.rows_of_each([values])

    def rows_of_each(self, values: Iterable[Sequence[Any]]) -> list[StoredRow]:
        """Its rows for each of several tuples of values, one after the other."""
        columns = self.columns
        statements = (self._prepared.bind(one) for one in values)
        return [StoredRow(columns, raw) for result in execute(self._session, statements) for raw in result]

    def decoded(self, *values: Any) -> list[Row]:
        """As rows(), every column decoded."""
        return self.decoded_of_each([values])

    def decoded_of_each(self, values: Iterable[Sequence[Any]]) -> list[Row]:
        """As rows_of_each(), every column decoded."""
        return [self.columns.row(row.raw) for row in self.rows_of_each(values)]


class Write:
    """An INSERT or UPDATE of any columns of one table: those that a row lacks are left as they are."""

    def __init__(self, session: Session, cql: str) -> None:
        """Prepare it."""
        self._prepared = session.prepare(cql)
        self._columns = [(column.name, column.type.serialize) for column in self._prepared.column_metadata]

    def bind(self, row: Row) -> BoundStatement:
        """Bind a row; bytes are values that were never decoded, and none is null.

        The driver's own bind() would look for an encryption of each column, at ten times the cost.
        """
        bound = BoundStatement(self._prepared)
        bound.values = [
            UNSET_VALUE
            if (value := row.get(name, UNSET_VALUE)) is UNSET_VALUE
            else value
            if type(value) is bytes
            else serialize(value, PROTOCOL_VERSION)
            for name, serialize in self._columns
        ]
        return bound


def execute(session: Session, statements: Iterable[Any]) -> Iterator[Iterable[tuple[bytes | None, ...]]]:
    """Execute statements side by side, several at a time; the rows of each come in order.

    Nothing is executed unless the iterator is used up.

    Raises:
        Exception: the driver's errors; further statements may be under way then.
    """
    in_flight = deque[Any]()
    for statement in statements:
        if len(in_flight) == _IN_FLIGHT:
            yield in_flight.popleft().result()
        in_flight.append(session.execute_async(statement))
    while in_flight:
        yield in_flight.popleft().result()


def write_all(session: Session, statements: Iterable[Any]) -> None:
    """Execute statements side by side, and wait until all are done."""
    for _ in execute(session, statements):
        pass


def as_mutation(statements: Sequence[BoundStatement]) -> BatchStatement | BoundStatement:
    """Statements of one partition, at least one, as one mutation."""
    if len(statements) == 1:
        return statements[0]
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.add_all(statements, [None] * len(statements))
    return batch


def insert(table: TableMetadata) -> str:
    """An INSERT of every column."""
    values = ", ".join("?" for _ in table.columns)
    columns = ", ".join(name_of(column) for column in table.columns)
    return f"INSERT INTO {full_name(table)} ({columns}) VALUES ({values})"


def update(table: TableMetadata) -> str:
    """An UPDATE of every column that is not of the key; to a map, it adds entries."""
    key = [column.name for column in table.primary_key]
    assignments = ", ".join(
        f"{name_of(name)} = {name_of(name)} + ?" if column.cql_type.startswith("map<") else f"{name_of(name)} = ?"
        for name, column in table.columns.items()
        if name not in key
    )
    where = " AND ".join(f"{name_of(name)} = ?" for name in key)
    return f"UPDATE {full_name(table)} SET {assignments} WHERE {where}"


def name_of(identifier: str) -> str:
    """An identifier as CQL text."""
    escaped = identifier.replace('"', '""')
    return f'"{escaped}"'


def full_name(table: TableMetadata) -> str:
    """A table's name with its keyspace as CQL text."""
    return f"{name_of(table.keyspace_name)}.{name_of(table.name)}"
