"""cassandra-driver alone, as lean as it gets: what the loader, the floor and the baseline ask Cassandra with."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import PreparedStatement, tuple_factory

from local.schema import KEYSPACE
from local.settings import HOST, LocalSettings
from transforms.protocol import PROTOCOL_VERSION, PackedBatches
from transforms.statements import Write, insert, update


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
        protocol_version=PROTOCOL_VERSION,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        compression=False,
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    try:
        session = cluster.connect()
        session.default_fetch_size = None
        session.client_protocol_handler = PackedBatches
        yield session
    finally:
        cluster.shutdown()


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

    def insert(self, table: str) -> Write:
        """An INSERT of all columns."""
        return Write(self._session, insert(self._tables[table]))

    def update(self, table: str) -> Write:
        """An UPDATE of all columns; entries of maps are added."""
        return Write(self._session, update(self._tables[table]))


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
