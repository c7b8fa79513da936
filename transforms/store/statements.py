"""Prepared statements on one table, bound with as little work as can be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import chain
from struct import Struct
from typing import Any, TypeVar

from cassandra.cluster import Session as DriverSession
from cassandra.metadata import TableMetadata
from cassandra.query import UNSET_VALUE, BatchStatement, BatchType, BoundStatement

from transforms.rules.rows import Row, RowWrite, StoredRow
from transforms.store.requests import Requests
from transforms.store.rows import Columns
from transforms.store.schema import column_types, row_columns
from transforms.store.session import Session
from transforms.store.values import serializer

_TIMESTAMP = Struct(">q")
_BYTES_OF_A_SIZE = 4

COURSES_A_READ = 10
"""How many courses are asked for in one request: the aggregates of ten courses of two accounts are 20 partitions,
where Cassandra's guardrails begin to warn, if they are set."""

_BYTES_OF_A_MUTATION, _STATEMENTS_OF_A_MUTATION = 4_000_000, 10_000
"""Soft bounds: one row may be larger. A request and a mutation may have 16 MiB by default, a request 65,535
statements."""

_PARTITIONS_OF_A_REQUEST, _BYTES_OF_A_REQUEST = 10, 4_000
"""Bounds of a request for several partitions: Cassandra warns above 10 of them and 5 KiB."""

Item = TypeVar("Item")


class Read:
    """A SELECT of rows of one table."""

    def __init__(
        self,
        session: Session,
        table: TableMetadata,
        where: str,
        columns: Sequence[str] | None = None,
        written: Sequence[str] = (),
    ) -> None:
        """Prepare it.

        Args:
            session: where it is prepared and executed.
            table: the table as it is.
            where: the condition, with a mark for each value to bind.
            columns: what is read; by default, every column that a row has for itself.
            written: columns of which the write time is read as well, in microseconds; these come last.
        """
        names = [name_of(column) for column in columns or row_columns(table)]
        names += [f"WRITETIME({name_of(column)})" for column in written]
        self._requests = session.requests
        self._prepared = session.driver.prepare(f"SELECT {', '.join(names)} FROM {full_name(table)} WHERE {where}")
        self.columns = Columns({column[2]: column[3] for column in self._prepared.result_metadata})

    def bind(self, *values: Any) -> BoundStatement:
        """Bind a value to each mark."""
        return self._prepared.bind(values)

    async def rows(self, statements: Iterable[BoundStatement]) -> list[StoredRow]:
        """The rows of statements that were bound here, which are executed side by side."""
        results = await self._requests.all_rows(statements)
        return results[0] if len(results) == 1 else list(chain.from_iterable(results))

    def pages(self, statement: BoundStatement) -> AsyncIterator[list[StoredRow]]:
        """As rows() of one statement, page by page, each of which is asked for when it is needed."""
        return self._requests.pages(statement)

    async def decoded(self, statements: Iterable[BoundStatement]) -> list[Row]:
        """As rows(), every column decoded."""
        return [self.columns.row(row) for rows in await self._requests.all_rows(statements) for row in rows]


class Write:
    """An INSERT or UPDATE of any columns of one table: those that a row lacks are left as they are."""

    def __init__(self, session: DriverSession, cql: str) -> None:
        """Prepare it."""
        # The driver, which prepares it again where a node has forgotten it, refers to it only weakly.
        self._prepared = prepared = session.prepare(cql)
        columns = [(column.name, serializer(column.type)) for column in prepared.column_metadata]
        self._places = {name: (place, serialize) for place, (name, serialize) in enumerate(columns)}
        self._unset = [UNSET_VALUE] * len(columns)

    def bind(self, row: Row) -> BoundStatement:
        """Bind a row, of which no value is null."""
        return self._bound(self._unset.copy(), row)

    def bind_write(self, write: RowWrite, timestamp_us: int | None = None) -> BoundStatement:
        """Bind the write of a row. That of a copied one must be an INSERT of the columns in the table's order.

        Args:
            write: the write.
            timestamp_us: its timestamp in microseconds since the epoch, where the statement takes one.
        """
        stored, values = self._unset.copy(), write.values
        if isinstance(write.copied, tuple):
            null = None if write.replaces else UNSET_VALUE
            stored[: len(write.copied)] = [null if value is None else value for value in write.copied]
        elif write.copied is not None:
            values = write.columns()
        if timestamp_us is not None:
            stored[-1] = _TIMESTAMP.pack(timestamp_us)
        return self._bound(stored, values)

    def _bound(self, stored: list[Any], row: Row) -> BoundStatement:
        """Bind stored values, of which those in `row` are replaced.

        The driver's own bind() would look for an encryption of each column, at ten times the cost.
        """
        places = self._places
        for name, value in row.items():
            place, serialize = places[name]
            stored[place] = serialize(value)
        statement = BoundStatement(self._prepared)
        statement.values = stored
        return statement


async def write(requests: Requests, groups: Iterable[list[BoundStatement]]) -> None:
    """Write rows of one partition, one mutation after the other.

    Args:
        requests: where they are executed.
        groups: rows that go into one mutation together where they fit.
    """
    for rows in mutations(groups):
        await requests.rows(as_request(rows))


def as_request(rows: Iterable[BoundStatement]) -> BatchStatement:
    """Rows as one request, which goes to where the first belongs; one mutation if they are of one partition."""
    batch = BatchStatement(BatchType.UNLOGGED)
    for row in rows:
        batch.add(row)
    return batch


def mutations(groups: Iterable[list[BoundStatement]]) -> Iterator[list[BoundStatement]]:
    """Rows as mutations of a bounded size: split between groups, and inside one only if it is too large."""
    rows: list[BoundStatement] = []
    bytes_ = 0
    for group in groups:
        sizes = list(map(_size, group))
        if rows and not _fits(len(rows) + len(group), bytes_ + sum(sizes)):
            yield rows
            rows, bytes_ = [], 0
        for row, size in zip(group, sizes, strict=True):
            if rows and not _fits(len(rows) + 1, bytes_ + size):
                yield rows
                rows, bytes_ = [], 0
            rows.append(row)
            bytes_ += size
    if rows:
        yield rows


def share_requests(partitions: Iterable[list[BoundStatement]]) -> Iterator[list[BoundStatement]]:
    """The rows of several partitions as requests: small partitions share one, large ones are split."""
    shared: list[BoundStatement] = []
    bytes_, count = 0, 0
    for rows in partitions:
        more = sum(map(_size, rows))
        if shared and (bytes_ + more > _BYTES_OF_A_REQUEST or count == _PARTITIONS_OF_A_REQUEST):
            yield shared
            shared, bytes_, count = [], 0, 0
        if _fits(len(rows), more):
            shared, bytes_, count = shared + rows, bytes_ + more, count + 1
        else:
            yield from mutations([rows])
    if shared:
        yield shared


def _fits(statements: int, bytes_: int) -> bool:
    return statements <= _STATEMENTS_OF_A_MUTATION and bytes_ <= _BYTES_OF_A_MUTATION


def _size(row: BoundStatement) -> int:
    """About the bytes of a row's statement."""
    return sum([_BYTES_OF_A_SIZE + len(value or b"") for value in row.values if value is not UNSET_VALUE])


def parts(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    """The items in their order, at most so many at a time."""
    return (items[start : start + most] for start in range(0, len(items), most))


def insert(table: TableMetadata, using: str = "") -> str:
    """An INSERT of every column of a row, which takes what it is `using` last: TIMESTAMP, TTL or neither."""
    names = row_columns(table)
    values, columns = ", ".join("?" * len(names)), ", ".join(map(name_of, names))
    with_ = f" USING {using} ?" if using else ""
    return f"INSERT INTO {full_name(table)} ({columns}) VALUES ({values}){with_}"


def update(table: TableMetadata) -> str:
    """An UPDATE of every column of a row that is not of the key; to a map, it adds entries."""
    key, types = [column.name for column in table.primary_key], column_types(table)
    assignments = ", ".join(
        f"{name_of(name)} = {name_of(name)} + ?" if types[name].startswith("map<") else f"{name_of(name)} = ?"
        for name in row_columns(table)
        if name not in key
    )
    where = " AND ".join(f"{name_of(name)} = ?" for name in key)
    return f"UPDATE {full_name(table)} SET {assignments} WHERE {where}"


def delete(table: TableMetadata) -> str:
    """A DELETE of a row."""
    where = " AND ".join(f"{name_of(column.name)} = ?" for column in table.primary_key)
    return f"DELETE FROM {full_name(table)} WHERE {where}"


def name_of(identifier: str) -> str:
    """An identifier as CQL text."""
    escaped = identifier.replace('"', '""')
    return f'"{escaped}"'


def full_name(table: TableMetadata) -> str:
    """A table's name with its keyspace as CQL text."""
    return f"{name_of(table.keyspace_name)}.{name_of(table.name)}"
