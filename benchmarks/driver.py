"""cassandra-driver by what it documents: what the loader, the floor and the baseline ask Cassandra with."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import BatchStatement, BatchType, PreparedStatement, tuple_factory

from local.schema import KEYSPACE
from local.settings import HOST, LocalSettings
from transforms.rules.rows import Row

TIMESTAMP = "[timestamp]"
"""The name that Cassandra gives to the mark of USING TIMESTAMP, in microseconds since the epoch."""

_PROTOCOL_VERSION = 5


@contextmanager
def connect(settings: LocalSettings, hosts: Sequence[str] = (HOST,)) -> Iterator[Session]:
    """A session whose rows are tuples, in one page each result, without compression and without Nagle's delay."""
    profile = ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        request_timeout=None,  # a timer would keep each response, with its rows, in a cycle of garbage
        row_factory=tuple_factory,
    )
    cluster = Cluster(
        hosts,
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


class Statements:
    """Prepares statements of the tables as they are."""

    def __init__(self, session: Session, keyspace: str = KEYSPACE) -> None:
        """Take the session."""
        self._session, self._keyspace = session, keyspace
        self._tables = session.cluster.metadata.keyspaces[keyspace].tables

    def select(self, table: str, where: str, written: Iterable[str] = ()) -> PreparedStatement:
        """All columns of the rows of a condition, and when some of them were written."""
        columns = ", ".join([*self._tables[table].columns, *(f"WRITETIME({column})" for column in written)])
        return self._session.prepare(f"SELECT {columns} FROM {self._keyspace}.{table} WHERE {where}")

    def insert(self, table: str, *, with_timestamp: bool = False) -> PreparedStatement:
        """An INSERT of all columns, which may take a TIMESTAMP; what a row lacks is left as it is."""
        columns = list(self._tables[table].columns)
        marks = ", ".join("?" for _ in columns)
        using = " USING TIMESTAMP ?" if with_timestamp else ""
        return self._session.prepare(
            f"INSERT INTO {self._keyspace}.{table} ({', '.join(columns)}) VALUES ({marks}){using}"
        )

    def update(self, table: str) -> PreparedStatement:
        """An UPDATE of all columns, likewise; entries of maps are added."""
        key = [column.name for column in self._tables[table].primary_key]
        assignments = ", ".join(
            f"{name} = {name} + ?" if column.cql_type.startswith("map<") else f"{name} = ?"
            for name, column in self._tables[table].columns.items()
            if name not in key
        )
        where = " AND ".join(f"{name} = ?" for name in key)
        return self._session.prepare(f"UPDATE {self._keyspace}.{table} SET {assignments} WHERE {where}")


def batch(writes: Iterable[tuple[PreparedStatement, Row]]) -> BatchStatement:
    """Rows as one request, which is one mutation if they are of one partition."""
    statement = BatchStatement(BatchType.UNLOGGED)
    for prepared, row in writes:
        statement.add(prepared, row)
    return statement


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
            slots.release()
            break
        session.execute_async(statement).add_callbacks(lambda _: slots.release(), failed)
    for _ in range(in_flight):
        slots.acquire()
    if errors:
        raise errors[0]
