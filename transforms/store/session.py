"""The session with Cassandra: connects, connects anew, and knows the schema."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar, cast

from cassandra.metadata import KeyspaceMetadata, TableMetadata

from transforms.settings import CassandraSettings
from transforms.store.cluster import connect
from transforms.store.errors import SchemaError, StoreError, store_error
from transforms.store.outage import Outage
from transforms.store.protocol import UndecodedRows
from transforms.store.requests import Requests
from transforms.store.schema import check_shape, column_types
from transforms.store.schema_changes import SchemaChanges

_ROWS_OF_A_PAGE = 500
"""The driver's own pages have ten times as many rows, which are too many to hold where each has a large text."""

_DEAD_S = 5.0
"""A session on which no node could be asked for so long is made anew."""


class Session:
    """A session of the driver, with the schema as it was when it was made.

    Attributes:
        settings: where the tables are.
        driver: prepares statements.
        requests: executes them.
    """

    def __init__(self, settings: CassandraSettings, outage: Outage) -> None:
        """Connect.

        Raises:
            StoreError: if that is not possible.
            SchemaError: if it is not known which data centre's nodes are used.
        """
        self.settings = settings
        self._cluster, self.driver = connect(settings)
        self.driver.client_protocol_handler = UndecodedRows
        self.driver.default_fetch_size = _ROWS_OF_A_PAGE
        self.requests = Requests(self.driver, outage)
        self.connected_at = time.monotonic()
        # The driver keeps a cluster, with its threads, until it is shut down, which may wait for the event loop.
        forgotten = weakref.finalize(self, _in_background, self._cluster.shutdown)
        forgotten.atexit = False

    def close(self) -> None:
        """Close all connections."""
        self._cluster.shutdown()

    @property
    def keyspace(self) -> KeyspaceMetadata:
        """The keyspace as it is now; raises SchemaError if there is none."""
        keyspace = self._cluster.metadata.keyspaces.get(self.settings.keyspace)
        if keyspace is None:
            msg = f"lms-cassandra.keyspace: there is no keyspace {self.settings.keyspace}"
            raise SchemaError(msg)
        return keyspace

    def table(
        self,
        name: str,
        variable: str,
        key: Sequence[str],
        types: Mapping[str, str],
        partition: Sequence[str] | None = ("userid",),
    ) -> TableMetadata:
        """A table as it is now.

        Args:
            name: the table's name.
            variable: the configuration variable that decides on it.
            key: the columns of its primary key, in any order; text, unless `types` says otherwise.
            types: the CQL types of the columns that something is done with; they need not be there.
            partition: the columns of its partition key, in any order; None where that differs by release.

        Raises:
            SchemaError: if there is no such table, or if its key or the type of a column is another.
        """
        table = self.find(name)
        if table is None:
            msg = f"{variable}: there is no table {name} in keyspace {self.settings.keyspace}"
            raise SchemaError(msg)
        check_shape(table, variable, key, types, partition)
        return table

    def find(self, name: str) -> TableMetadata | None:
        """A table as it is now, if there is one of this name.

        Raises:
            SchemaError: if there is no such keyspace.
        """
        return self.keyspace.tables.get(name)

    def is_current(self, table: TableMetadata | None) -> bool:
        """Whether nothing is known of a change of the table.

        A table that was not there is looked for when the worker connects the next time.
        """
        if table is None:
            return True
        now = self._now(table)
        # Whenever the driver has read the schema it has another object, mostly of the same columns.
        return now is table or (now is not None and column_types(now) == column_types(table))

    def has_changed(self, tables: Iterable[TableMetadata]) -> bool:
        """Read the schema anew; returns whether one of the tables is another than before."""
        self._cluster.refresh_schema_metadata()
        return not all(map(self.is_current, tables))

    def _now(self, table: TableMetadata) -> TableMetadata | None:
        keyspace: KeyspaceMetadata | None = self._cluster.metadata.keyspaces.get(self.settings.keyspace)
        return None if keyspace is None else keyspace.tables.get(table.name)


class StoredTable(Protocol):
    """A table and its statements, which are prepared when it is made."""

    def __init__(self, session: Session) -> None: ...

    @property
    def table(self) -> TableMetadata | None:
        """The table as it was then; None where it need not be there, and is not."""


Table = TypeVar("Table", bound=StoredTable)
Result = TypeVar("Result")


class Store:
    """The tables of one Cassandra, for all stages of a worker process.

    Connects at the first use, since a worker may start while Cassandra is down, and anew where a session is dead.
    What is awaited runs on the process's event loop (transforms/store/event_loop.py), and raises StoreError.

    Attributes:
        outage: retries what fails by an error that may pass.
    """

    def __init__(self, settings: CassandraSettings) -> None:
        """Remember where to connect."""
        self._settings = settings
        self.outage = Outage(settings.retry_seconds)
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._tables: dict[type[StoredTable], StoredTable] = {}
        self._preparing: dict[type[StoredTable], asyncio.Future[StoredTable]] = {}
        self._changes = SchemaChanges(self.outage, self._has_schema_changed)

    async def table(self, kind: type[Table]) -> Table:
        """A table, whose statements are prepared at its first use, and after a change of the schema."""
        if not self._is_ready(kind):
            if kind not in self._preparing:
                # Once for all that wait: where a host takes no connections, the driver needs 5 s to find out.
                preparing = asyncio.ensure_future(asyncio.to_thread(self._prepared, kind))
                self._preparing[kind] = preparing
                preparing.add_done_callback(lambda done: self._end_preparing(kind, done))
            return cast(Table, await asyncio.shield(self._preparing[kind]))
        return cast(Table, self._tables[kind])

    async def run(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do the work, and do it again after errors that may pass (Outage), or by which the schema changes.

        Args:
            work: what is done; it must be idempotent.

        Raises:
            Exception: what the work raises; TransientError only when it is given up.
        """
        return await self._changes.retry(work)

    def check(self, kinds: Iterable[type[StoredTable]]) -> None:
        """Connect, and prepare the statements of tables.

        Raises:
            SchemaError: if the keyspace or a table does not exist.
            StoreError: if Cassandra cannot be used.
        """
        for kind in kinds:
            self._prepared(kind)

    def close(self) -> None:
        """Close the session; the next use opens another."""
        with self._lock:
            session, self._session = self._session, None
            self._tables.clear()
        if session is not None:
            session.close()

    def _prepared(self, kind: type[StoredTable]) -> StoredTable:
        if self._is_dead():
            self.close()
        with self._lock:
            if self._session is None:
                self._session = Session(self._settings, self.outage)
            if not self._is_ready(kind):
                is_changed = kind in self._tables
                try:
                    self._tables[kind] = kind(self._session)
                except StoreError:
                    raise
                except Exception as e:
                    raise store_error(e) from e
                if is_changed:
                    self._changes.note()
            return self._tables[kind]

    def _end_preparing(self, kind: type[StoredTable], done: asyncio.Future[StoredTable]) -> None:
        del self._preparing[kind]
        done.exception()  # all that wait raise it; asyncio would log it if nobody waited any more

    def _is_ready(self, kind: type[StoredTable]) -> bool:
        session, made = self._session, self._tables.get(kind)
        return session is not None and made is not None and session.is_current(made.table) and not self._is_dead()

    def _has_schema_changed(self) -> bool:
        with self._lock:
            session = self._session
            if session is None:
                return False
            try:
                return session.has_changed([made.table for made in self._tables.values() if made.table])
            except Exception as e:
                raise store_error(e) from e

    def _is_dead(self) -> bool:
        """Whether the session may never work again: the driver never again tries a host that refused a login."""
        session = self._session
        if session is None or time.monotonic() - session.connected_at < _DEAD_S:
            return False
        return self.outage.is_silent_for(_DEAD_S)


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()
