"""Prepared statements on one table, bound with as little work as can be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from cassandra.cluster import Session
from cassandra.cqltypes import DateType, LongType
from cassandra.metadata import TableMetadata
from cassandra.query import UNSET_VALUE, BatchStatement, BatchType, BoundStatement

from transforms.requests import Requests, UndecodedRows
from transforms.rules.rows import Row, RowWrite
from transforms.stored_rows import PROTOCOL_VERSION, Columns, StoredRow

BoundRow = tuple[BoundStatement, list[Any]]
"""A statement that many rows share, and the values that are bound to it for one of them."""


class Read:
    """A SELECT of rows of one table."""

    def __init__(
        self,
        session: Session,
        requests: Requests,
        table: TableMetadata,
        where: str,
        columns: Sequence[str] | None = None,
    ) -> None:
        """Prepare it.

        Args:
            session: where it is prepared.
            requests: where it is executed.
            table: the table as it is.
            where: the condition, with a mark for each value to bind.
            columns: what is read; by default, every column.
        """
        names = ", ".join(name_of(column) for column in columns or table.columns)
        self._requests = requests
        self._prepared = session.prepare(f"SELECT {names} FROM {full_name(table)} WHERE {where}")
        self.columns = Columns({column[2]: column[3] for column in self._prepared.result_metadata})

    def bind(self, *values: Any) -> BoundStatement:
        """Bind a value to each mark."""
        return self._prepared.bind(values)

    async def rows(self, statements: Iterable[BoundStatement]) -> list[StoredRow]:
        """The rows of statements that were bound here, which are executed side by side."""
        return self.stored(await self._requests.all_rows(statements))

    async def pages(self, statement: BoundStatement) -> AsyncIterator[list[StoredRow]]:
        """As rows() of one statement, page by page, each of which is asked for when it is needed."""
        async for page in self._requests.pages(statement):
            yield self.stored([page])

    async def decoded(self, statements: Iterable[BoundStatement]) -> list[Row]:
        """As rows(), every column decoded."""
        return self.decode(await self._requests.all_rows(statements))

    def stored(self, results: Iterable[UndecodedRows]) -> list[StoredRow]:
        """The rows of results of statements that were bound here."""
        columns = self.columns
        return [StoredRow(columns, raw) for rows in results for raw in rows]

    def decode(self, results: Iterable[UndecodedRows]) -> list[Row]:
        """As stored(), every column decoded."""
        return [self.columns.row(raw) for rows in results for raw in rows]


class Write:
    """An INSERT or UPDATE of any columns of one table: those that a row lacks are left as they are."""

    def __init__(self, session: Session, cql: str) -> None:
        """Prepare it."""
        prepared = session.prepare(cql)
        # One for all rows: to make one costs more than to bind one's values.
        self._statement = BoundStatement(prepared)
        columns = [(column.name, _serializer(column.type)) for column in prepared.column_metadata]
        self._places = {name: (place, serialize) for place, (name, serialize) in enumerate(columns)}
        self._unset = [UNSET_VALUE] * len(columns)

    def bind(self, row: Row) -> BoundRow:
        """Bind a row; bytes are values that were never decoded, and none is null.

        The driver's own bind() would look for an encryption of each column, at ten times the cost.
        """
        return self._bound(self._unset.copy(), row)

    def bind_write(self, write: RowWrite) -> BoundRow:
        """Bind the write of a row. That of a copied one must be an INSERT of the columns in the table's order."""
        if write.raw is None:
            return self.bind(write.values)
        return self._bound([UNSET_VALUE if value is None else value for value in write.raw], write.values)

    def _bound(self, values: list[Any], row: Row) -> BoundRow:
        places = self._places
        for name, value in row.items():
            place, serialize = places[name]
            values[place] = value if type(value) is bytes else serialize(value, PROTOCOL_VERSION)
        return self._statement, values


def _serializer(type_: Any) -> Callable[[Any, int], bytes]:
    serialize: Callable[[Any, int], bytes] = type_.serialize
    if issubclass(type_, DateType):
        as_integer = LongType.serialize
        return lambda value, version: (as_integer if type(value) is int else serialize)(value, version)
    return serialize


def as_request(rows: Sequence[BoundRow]) -> BatchStatement | BoundStatement:
    """Rows, at least one, as one request, which is one mutation if they are of one partition."""
    statement, values = rows[0]
    first = BoundStatement(statement.prepared_statement)
    first.values = values
    if len(rows) == 1:
        return first
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.add(first)
    # The batch takes no more than the values of each from here on: the first has given it the partition.
    for statement, values in islice(rows, 1, None):
        statement.values = values
        batch.add(statement)
    return batch


def size(row: BoundRow) -> int:
    """The bytes of the values that are bound."""
    return sum(len(value) for value in row[1] if type(value) is bytes)


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
