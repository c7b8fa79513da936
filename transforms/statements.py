"""Prepared statements on one table, bound with as little work as can be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from cassandra.cluster import Session
from cassandra.metadata import TableMetadata
from cassandra.query import BoundStatement

from transforms.cql_values import serializer
from transforms.protocol import SIZES, UNSET, PackedBatch, statement_as_sent
from transforms.requests import Requests
from transforms.rules.rows import Row, RowWrite, StoredRow
from transforms.stored_rows import Columns

PARTITIONS, _BYTES_OF_PARTITIONS = 10, 4_000
"""Bounds of a request for several partitions; of a batch Cassandra warns above 10 partitions and 5 KiB."""


class _OfPartitions(BoundStatement):
    """A statement of which the driver cannot tell where it should go, since it names several partitions."""

    routing_key: bytes | None = None


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

    def bind_partitions(self, keys: Sequence[str]) -> BoundStatement:
        """Bind the keys of several partitions to the only mark; goes to where the first is."""
        statement = _OfPartitions(self._prepared).bind((keys,))
        statement.routing_key = keys[0].encode()
        return statement

    async def rows(self, statements: Iterable[BoundStatement]) -> list[StoredRow]:
        """The rows of statements that were bound here, which are executed side by side."""
        return list(chain.from_iterable(await self._requests.all_rows(statements)))

    def pages(self, statement: BoundStatement) -> AsyncIterator[list[StoredRow]]:
        """As rows() of one statement, page by page, each of which is asked for when it is needed."""
        return self._requests.pages(statement)

    async def decoded(self, statements: Iterable[BoundStatement]) -> list[Row]:
        """As rows(), every column decoded."""
        return self.decode(await self._requests.all_rows(statements))

    def decode(self, results: Iterable[list[StoredRow]]) -> list[Row]:
        """The rows of results of statements that were bound here, every column decoded."""
        return [self.columns.row(row) for rows in results for row in rows]


class Write:
    """An INSERT or UPDATE of any columns of one table: those that a row lacks are left as they are."""

    def __init__(self, session: Session, cql: str) -> None:
        """Prepare it."""
        # The driver, which prepares it again where a node has forgotten it, refers to it only weakly.
        self._prepared = prepared = session.prepare(cql)
        columns = [(column.name, serializer(column.type)) for column in prepared.column_metadata]
        self._places = {name: (place, serialize) for place, (name, serialize) in enumerate(columns, start=1)}
        self._unset = [statement_as_sent(prepared.query_id, len(columns)), *[UNSET] * len(columns)]
        self._keyspace = prepared.column_metadata[0].keyspace_name
        self._partition = [1 + index for index in prepared.routing_key_indexes]

    def bind(self, row: Row) -> BoundRow:
        """Bind a row; bytes are values that were never decoded, and none is null.

        The driver's own bind() would look for an encryption of each column, at ten times the cost.
        """
        return self._bound(self._unset.copy(), row)

    def bind_write(self, write: RowWrite) -> BoundRow:
        """Bind the write of a row. That of a copied one must be an INSERT of the columns in the table's order."""
        if write.stored is None:
            return self.bind(write.values)
        packed = self._unset[:1]
        packed += [UNSET if value is None else SIZES[len(value)] + value for value in write.stored]
        return self._bound(packed, write.values)

    def _bound(self, packed: list[bytes], row: Row) -> BoundRow:
        places = self._places
        for name, value in row.items():
            place, serialize = places[name]
            serialized = value if type(value) is bytes else serialize(value)
            packed[place] = SIZES[len(serialized)] + serialized
        return self, packed

    def batch(self, first: Sequence[bytes], statements: list[Sequence[bytes]]) -> PackedBatch:
        """A batch of statements, which goes to where the first belongs, which must be of this one."""
        partition = [first[place][len(UNSET) :] for place in self._partition]
        return PackedBatch(self._keyspace, partition, statements)


BoundRow = tuple[Write, list[bytes]]
"""What writes a row, and the statement as it is sent (transforms.protocol.PackedBatch)."""


def as_request(rows: Sequence[BoundRow]) -> PackedBatch:
    """Rows, at least one, as one request, which is one mutation if they are of one partition."""
    write, first = rows[0]
    return write.batch(first, [packed for _, packed in rows])


def _size(row: BoundRow) -> int:
    """The bytes of a row's statement."""
    return sum(map(len, row[1]))


def together(partitions: Iterable[list[BoundRow]]) -> Iterator[list[BoundRow]]:
    """Whole partitions as requests: several if they are small, else one."""
    gathered: list[BoundRow] = []
    bytes_, count = 0, 0
    for rows in partitions:
        more = sum(map(_size, rows))
        if gathered and (bytes_ + more > _BYTES_OF_PARTITIONS or count == PARTITIONS):
            yield gathered
            gathered, bytes_, count = [], 0, 0
        gathered, bytes_, count = gathered + rows, bytes_ + more, count + 1
    if gathered:
        yield gathered


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
