"""cassandra-driver alone, as lean as it gets: what the loader, the floor and the baseline ask Cassandra with."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import (
    UNSET_VALUE,
    BatchStatement,
    BatchType,
    BoundStatement,
    PreparedStatement,
    tuple_factory,
)

from local.schema import KEYSPACE
from local.settings import HOST, LocalSettings
from transforms.rules.rows import Row

_PROTOCOL_VERSION = 4
"""The newest without checksums over every segment, which the driver works out in Python."""


@contextmanager
def connect(settings: LocalSettings) -> Iterator[Session]:
    """A session whose rows are tuples, in one page each result, without compression and without Nagle's delay."""
    profile = ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        request_timeout=None,  # a timer would keep each response, with its rows, in a cycle of garbage
        row_factory=tuple_factory,
    )
    cluster = Cluster(
        [HOST],
        port=settings.cassandra_port,
        protocol_version=_PROTOCOL_VERSION,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        compression=False,
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    try:
        session = cluster.connect()
        session.default_fetch_size = None
        yield session
    finally:
        cluster.shutdown()


class Binder:
    """A prepared statement with one value for each of its columns, bound without the driver's checks.

    The driver's own bind() makes an object for each value, for the encryption of columns.
    """

    def __init__(self, session: Session, cql: str) -> None:
        """Prepare the statement."""
        self._prepared = session.prepare(cql)
        self._columns = [(c.name, c.type.serialize) for c in self._prepared.column_metadata]

    def bind(self, row: Row) -> BoundStatement:
        """Bind a row; the columns that it lacks are left as they are."""
        bound = BoundStatement(self._prepared)
        bound.values = [
            serialize(row[name], _PROTOCOL_VERSION) if name in row else UNSET_VALUE
            for name, serialize in self._columns
        ]
        return bound


class Statements:
    """Prepares statements of the tables as they are."""

    def __init__(self, session: Session) -> None:
        """Take the session."""
        self._session = session
        self._tables = session.cluster.metadata.keyspaces[KEYSPACE].tables

    def select(self, table: str, where: str) -> PreparedStatement:
        """All columns of the rows of a condition."""
        columns = ", ".join(self._tables[table].columns)
        return self._session.prepare(f"SELECT {columns} FROM {KEYSPACE}.{table} WHERE {where}")

    def insert(self, table: str) -> Binder:
        """An INSERT of all columns."""
        columns = list(self._tables[table].columns)
        marks = ", ".join("?" for _ in columns)
        return Binder(self._session, f"INSERT INTO {KEYSPACE}.{table} ({', '.join(columns)}) VALUES ({marks})")

    def update(self, table: str) -> Binder:
        """An UPDATE of all columns; entries of maps are added."""
        metadata = self._tables[table]
        key = [column.name for column in metadata.primary_key]
        assignments = (
            f"{name} = {name} + ?" if column.cql_type.startswith("map<") else f"{name} = ?"
            for name, column in metadata.columns.items()
            if name not in key
        )
        where = " AND ".join(f"{name} = ?" for name in key)
        return Binder(self._session, f"UPDATE {KEYSPACE}.{table} SET {', '.join(assignments)} WHERE {where}")


def batch(statements: Sequence[BoundStatement]) -> BatchStatement | BoundStatement:
    """Statements of one partition as one mutation."""
    if len(statements) == 1:
        return statements[0]
    together = BatchStatement(BatchType.UNLOGGED)
    together.add_all(statements, [None] * len(statements))
    return together


def execute_all(session: Session, statements: Iterable[Any], in_flight: int) -> None:
    """Execute statements side by side, and wait for them.

    Args:
        session: the session.
        statements: made while others are under way.
        in_flight: how many are under way at once, at most.

    Raises:
        Exception: the first error of the driver.
    """
    slots = threading.Semaphore(in_flight)
    errors: list[Exception] = []

    def failed(error: Exception) -> None:
        errors.append(error)
        slots.release()

    for statement in statements:
        slots.acquire()
        if errors:
            break
        session.execute_async(statement).add_callbacks(lambda _: slots.release(), failed)
    for _ in range(in_flight):
        slots.acquire()
    if errors:
        raise errors[0]
