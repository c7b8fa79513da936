"""The course tables in Cassandra: the one place that builds statements, and that knows no Beam."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cassandra import (
    ConsistencyLevel,
    CoordinationFailure,
    OperationTimedOut,
    Timeout,
    Unavailable,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.connection import ConnectionException
from cassandra.metadata import TableMetadata
from cassandra.policies import DCAwareRoundRobinPolicy, ExponentialReconnectionPolicy, TokenAwarePolicy
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage, ServerError
from cassandra.query import BatchStatement, BatchType, PreparedStatement, dict_factory

from transforms.rules.content_consumption import BatchWrites
from transforms.rules.rows import Row, RowWrite
from transforms.settings import CassandraSettings

_log = logging.getLogger(__name__)

LEDGER_TABLE = "user_content_merge_ledger"
MERGE_LOG_TABLE = "user_merge_log"

TRANSIENT_ERRORS = (
    NoHostAvailable,
    Unavailable,
    Timeout,
    OperationTimedOut,
    CoordinationFailure,
    OverloadedErrorMessage,
    IsBootstrappingErrorMessage,
    ServerError,
    ConnectionException,
)
"""What may pass by itself (design.md, "When something is down"): worth trying again."""

_REQUEST_TIMEOUT_S = 12.0
_ROWS_IN_A_MUTATION = 1_000
"""A soft bound: a mutation may be half a commit log segment (16 MB by default), and 1,000 rows of content
consumption are about 200 KB. One course batch is never split, however large (design.md)."""

_AGGREGATE_READS_IN_FLIGHT = 16


class MissingTableError(LookupError):
    """A keyspace or table that the job needs does not exist; the message names it."""


class CourseTables:
    """Reads and writes of the tables that a merge touches, over one session a process.

    Connects at the first use, since a worker may start while Cassandra is down; thread-safe. Every read is of one
    partition, every write a single-partition batch. All methods raise the driver's errors, of which those in
    TRANSIENT_ERRORS may pass.
    """

    def __init__(self, settings: CassandraSettings, *, merge_ledger: bool) -> None:
        """Remember where to connect.

        Args:
            settings: hosts, keyspace, tables and consistency.
            merge_ledger: whether the ledger and the merge log are used; if not, they need not exist.
        """
        self._settings = settings
        self._merge_ledger = merge_ledger
        self._lock = threading.Lock()
        self._cluster: Cluster | None = None
        self._open_session: Session | None = None

    def connect(self) -> None:
        """Connect and prepare, unless that is done.

        Raises:
            MissingTableError: if the keyspace or a table does not exist.
        """
        with self._lock:
            if self._open_session is not None:
                return
            cluster = _cluster(self._settings)
            try:
                session = cluster.connect()
                self._prepare(session)
            except BaseException:
                cluster.shutdown()
                raise
            self._cluster, self._open_session = cluster, session

    def close(self) -> None:
        """Close the session; the next use opens another."""
        with self._lock:
            cluster, self._cluster, self._open_session = self._cluster, None, None
        if cluster is not None:
            cluster.shutdown()

    def _prepare(self, session: Session) -> None:
        settings = self._settings
        keyspace = session.cluster.metadata.keyspaces.get(settings.keyspace)
        if keyspace is None:
            msg = f"lms-cassandra.keyspace: there is no keyspace {settings.keyspace}"
            raise MissingTableError(msg)

        def table(name: str, variable: str) -> TableMetadata:
            if name not in keyspace.tables:
                msg = f"{variable}: there is no table {name} in keyspace {settings.keyspace}"
                raise MissingTableError(msg)
            return keyspace.tables[name]

        def select(metadata: TableMetadata) -> PreparedStatement:
            partition = " AND ".join(f"{_name(c.name)} = ?" for c in metadata.partition_key)
            return session.prepare(f"SELECT {_columns(metadata)} FROM {_full_name(metadata)} WHERE {partition}")

        content = table(settings.content_consumption_table, "lms-cassandra.content_consumption.table")
        self._select_content, self._insert_content = select(content), session.prepare(_insert(content))
        enrolments = table(settings.user_enrolments_table, "lms-cassandra.user_enrolments.table")
        self._select_enrolments = select(enrolments)
        self._select_courses = session.prepare(f"SELECT courseid FROM {_full_name(enrolments)} WHERE userid = ?")
        self._insert_enrolment = session.prepare(_insert(enrolments))
        self._update_enrolment = session.prepare(_update(enrolments))
        aggregates = table(settings.user_activity_agg_table, "lms-cassandra.user_activity_agg.table")
        self._select_aggregates = select(aggregates)
        # UPDATE even for a copied row: inserting a map would first delete what another writer puts there.
        self._update_aggregates = session.prepare(_update(aggregates))
        if self._merge_ledger:
            ledger, log = table(LEDGER_TABLE, "merge.ledger"), table(MERGE_LOG_TABLE, "merge.ledger")
            self._select_ledger, self._insert_ledger = select(ledger), session.prepare(_insert(ledger))
            self._select_log, self._insert_log = select(log), session.prepare(_insert(log))
            self._select_logged = session.prepare(
                f"SELECT mid FROM {_full_name(log)} WHERE userid = ? AND intoid = ?"
            )

    @property
    def _session(self) -> Session:
        self.connect()
        return self._open_session

    def content_consumption(self, account: str) -> list[Row]:
        """All rows of the account in user_content_consumption; all its courses are one partition."""
        session = self._session
        return list(session.execute(self._select_content, (account,)))

    def ledger(self, account: str) -> list[Row]:
        """The account's rows in the merge ledger; none where the ledger is off."""
        session = self._session
        return list(session.execute(self._select_ledger, (account,))) if self._merge_ledger else []

    def enrolments(self, account: str) -> list[Row]:
        """All rows of the account in user_enrolments."""
        session = self._session
        return list(session.execute(self._select_enrolments, (account,)))

    def activity_aggregates(self, enrolled: str, accounts: Sequence[str]) -> dict[str, list[Row]]:
        """The Course aggregates of each of `accounts`, for every course that the account `enrolled` is in.

        A partition holds one course of one account, so the reads run side by side.
        """
        session = self._session
        courses = sorted({row["courseid"] for row in session.execute(self._select_courses, (enrolled,))})
        keys = [("Course", course, account) for account in accounts for course in courses]
        results = execute_concurrent_with_args(
            session, self._select_aggregates, keys, concurrency=_AGGREGATE_READS_IN_FLIGHT
        )
        rows: dict[str, list[Row]] = {account: [] for account in accounts}
        for (_, _, account), (_, result) in zip(keys, results, strict=True):
            rows[account].extend(result)
        return rows

    def merge_log(self, account: str) -> list[Row]:
        """The accounts into which the account was merged: rows of userid, intoid, mid, merged_on."""
        session = self._session
        return list(session.execute(self._select_log, (account,)))

    def is_logged(self, from_account: str, into_account: str) -> bool:
        """Whether the merge log has this pair."""
        session = self._session
        return session.execute(self._select_logged, (from_account, into_account)).one() is not None

    def write_merge_log(self, from_account: str, into_account: str, mid: str) -> None:
        """Write that `from_account` is merged into `into_account`; idempotent."""
        session = self._session
        row = {"userid": from_account, "intoid": into_account, "mid": mid, "merged_on": utc_now()}
        session.execute(self._insert_log.bind(row))

    def write_content_consumption(self, batches: Iterable[BatchWrites]) -> None:
        """Write the rows and the ledger rows of whole course batches, each within one mutation."""
        session = self._session
        for chunk in _chunks(batches):
            statements = [self._insert_content.bind(w.values) for batch in chunk for w in batch.rows]
            statements += [self._insert_ledger.bind(row) for batch in chunk for row in batch.ledger]
            _execute_batch(session, statements)

    def write_enrolments(self, writes: Sequence[RowWrite]) -> None:
        """Write rows of user_enrolments of one account, as one mutation."""
        session = self._session
        statements = [
            (self._insert_enrolment if write.copied else self._update_enrolment).bind(write.values)
            for write in writes
        ]
        _execute_batch(session, statements)

    def write_activity_aggregates(self, writes: Iterable[RowWrite]) -> None:
        """Write rows of user_activity_agg, one mutation for each course."""
        session = self._session
        by_course: dict[str, list[RowWrite]] = {}
        for write in writes:
            by_course.setdefault(write.values["activity_id"], []).append(write)
        for course_writes in by_course.values():
            _execute_batch(session, [self._update_aggregates.bind(write.values) for write in course_writes])


def utc_now() -> datetime:
    """Now, as the driver returns timestamps: UTC without a zone, to the ms that Cassandra stores."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _cluster(settings: CassandraSettings) -> Cluster:
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(settings.local_dc or "")),
        consistency_level=ConsistencyLevel.name_to_value[settings.consistency_level],
        request_timeout=_REQUEST_TIMEOUT_S,
        row_factory=dict_factory,
    )
    return Cluster(
        settings.hosts,
        port=settings.port,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        auth_provider=(
            PlainTextAuthProvider(settings.username, settings.password()) if settings.username else None
        ),
        ssl_context=settings.tls(),
        # The driver waits up to ten minutes by default; an event is only retried for retry_seconds.
        reconnection_policy=ExponentialReconnectionPolicy(0.5, 5.0),
        # Without it a batch waits 40 ms for a delayed ACK (Nagle).
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )


def _execute_batch(session: Session, statements: Sequence[Any]) -> None:
    if len(statements) == 1:
        session.execute(statements[0])
    elif statements:
        batch = BatchStatement(BatchType.UNLOGGED)
        batch.add_all(statements, [None] * len(statements))
        session.execute(batch)


def _chunks(batches: Iterable[BatchWrites]) -> Iterator[list[BatchWrites]]:
    chunk: list[BatchWrites] = []
    rows = 0
    for batch in batches:
        if chunk and rows + len(batch.rows) > _ROWS_IN_A_MUTATION:
            yield chunk
            chunk, rows = [], 0
        chunk.append(batch)
        rows += len(batch.rows)
    if chunk:
        yield chunk


def _name(identifier: str) -> str:
    escaped = identifier.replace('"', '""')
    return f'"{escaped}"'


def _full_name(table: TableMetadata) -> str:
    return f"{_name(table.keyspace_name)}.{_name(table.name)}"


def _columns(table: TableMetadata) -> str:
    return ", ".join(_name(column) for column in table.columns)


def _insert(table: TableMetadata) -> str:
    values = ", ".join("?" for _ in table.columns)
    return f"INSERT INTO {_full_name(table)} ({_columns(table)}) VALUES ({values})"


def _update(table: TableMetadata) -> str:
    """An UPDATE of every column that is not of the key; to a map, it adds entries."""
    key = [column.name for column in table.primary_key]
    assignments = ", ".join(
        f"{_name(name)} = {_name(name)} + ?" if column.cql_type.startswith("map<") else f"{_name(name)} = ?"
        for name, column in table.columns.items()
        if name not in key
    )
    where = " AND ".join(f"{_name(name)} = ?" for name in key)
    return f"UPDATE {_full_name(table)} SET {assignments} WHERE {where}"
