"""The course tables in Cassandra: the one place that builds statements, and that knows no Beam."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from itertools import chain, groupby, islice

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.metadata import TableMetadata
from cassandra.policies import DCAwareRoundRobinPolicy, ExponentialReconnectionPolicy, TokenAwarePolicy
from cassandra.query import BoundStatement, tuple_factory

from transforms.gathering import Gathering, parts
from transforms.loop_connection import LoopConnection
from transforms.protocol import PROTOCOL_VERSION, UndecodedRows
from transforms.requests import Requests
from transforms.rules.content_consumption import COUNTERS, BatchWrites
from transforms.rules.content_consumption import KEY as CONTENT_KEY
from transforms.rules.enrolments import KEY as ENROLMENT_KEY
from transforms.rules.rows import Row, RowWrite, StoredRow
from transforms.settings import CassandraSettings
from transforms.statements import PARTITIONS, BoundRow, Read, Write, as_request, insert, together, update
from transforms.stored_rows import Pairing

LEDGER_TABLE = "user_content_merge_ledger"
MERGE_LOG_TABLE = "user_merge_log"

_ROWS_IN_A_MUTATION = 1_000
"""A soft bound: a mutation may be half a commit log segment (16 MB by default), and 1,000 rows of content
consumption are about 200 KB. One course batch is never split, however large (design.md)."""

_ROWS_A_PART = 1_000
"""Of a large account no more than this is in memory at once, but for whole courses and a page of the driver's."""

_COURSES_A_READ = 10
_LEDGER_ROWS_A_READ = 100
"""Bounds of what is asked for at once. The aggregates of ten courses of two accounts are 20 partitions, from which
on Cassandra's guardrails warn where they are set."""


class MissingTableError(LookupError):
    """A keyspace or table that the job needs does not exist; the message names it."""


class CourseTables:
    """Reads and writes of the tables that a merge touches, over one session a process.

    Connects at the first use, since a worker may start while Cassandra is down. Rows of one partition are written
    as one mutation. All methods raise the driver's errors, of which those in TRANSIENT_ERRORS may pass; what is
    awaited runs on the process's event loop (transforms/event_loop.py).
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

    def connect(self) -> None:
        """Connect and prepare, unless that is done.

        Raises:
            MissingTableError: if the keyspace or a table does not exist.
        """
        with self._lock:
            if self._cluster is not None:
                return
            cluster = _cluster(self._settings)
            try:
                session = cluster.connect()
                session.client_protocol_handler = UndecodedRows
                self._prepare(session, Requests(session))
            except BaseException:
                cluster.shutdown()
                raise
            self._cluster = cluster

    def close(self) -> None:
        """Close the session; the next use opens another."""
        with self._lock:
            cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.shutdown()

    async def _connected(self) -> None:
        if self._cluster is None:
            await asyncio.to_thread(self.connect)

    def _prepare(self, session: Session, requests: Requests) -> None:
        settings = self._settings
        self._requests = requests
        keyspace = session.cluster.metadata.keyspaces.get(settings.keyspace)
        if keyspace is None:
            msg = f"lms-cassandra.keyspace: there is no keyspace {settings.keyspace}"
            raise MissingTableError(msg)

        def table(name: str, variable: str) -> TableMetadata:
            if name not in keyspace.tables:
                msg = f"{variable}: there is no table {name} in keyspace {settings.keyspace}"
                raise MissingTableError(msg)
            return keyspace.tables[name]

        content = table(settings.content_consumption_table, "lms-cassandra.content_consumption.table")
        self._content = Read(session, requests, content, "userid = ?")
        self._content_pairing = Pairing(self._content.columns, "userid", CONTENT_KEY, COUNTERS)
        self._content_of_courses = Read(session, requests, content, "userid = ? AND courseid IN ?")
        self._insert_content = Write(session, insert(content))
        enrolments = table(settings.user_enrolments_table, "lms-cassandra.user_enrolments.table")
        self._enrolments = Read(session, requests, enrolments, "userid IN ?")
        self._enrolment_pairing = Pairing(self._enrolments.columns, "userid", ENROLMENT_KEY)
        self._gathered_enrolments = _of_accounts(self._enrolments, each=2)
        self._courses = Read(session, requests, enrolments, "userid IN ?", columns=["userid", "courseid"])
        self._gathered_courses = _of_accounts(self._courses)
        self._insert_enrolment = Write(session, insert(enrolments))
        self._update_enrolment = Write(session, update(enrolments))
        aggregates = table(settings.user_activity_agg_table, "lms-cassandra.user_activity_agg.table")
        self._aggregates = Read(
            session, requests, aggregates, "activity_type = 'Course' AND activity_id IN ? AND user_id IN ?"
        )
        # UPDATE even for a copied row: inserting a map would first delete what another writer puts there.
        self._update_aggregates = Write(session, update(aggregates))
        if self._merge_ledger:
            ledger, log = table(LEDGER_TABLE, "merge.ledger"), table(MERGE_LOG_TABLE, "merge.ledger")
            self._ledger_of_courses = Read(session, requests, ledger, "userid = ? AND courseid IN ?")
            self._ledger_entries = Read(
                session, requests, ledger, "userid = ? AND (courseid, batchid, originid) IN ?"
            )
            self._insert_ledger = Write(session, insert(ledger))
            self._log = Read(session, requests, log, "userid IN ?")
            self._gathered_log = _of_accounts(self._log)
            self._logged = Read(session, requests, log, "userid = ? AND intoid = ?", columns=["mid"])
            self._insert_log = Write(session, insert(log))
            self._gathered_inserts = Gathering(self._write_log_rows, most=PARTITIONS)

    @property
    def content_pairing(self) -> Pairing:
        """Pairs rows of user_content_consumption, once it is connected."""
        return self._content_pairing

    @property
    def enrolment_pairing(self) -> Pairing:
        """Pairs rows of user_enrolments, once it is connected."""
        return self._enrolment_pairing

    async def content_consumption(self, account: str) -> AsyncIterator[list[StoredRow]]:
        """All rows of the account in user_content_consumption, in parts of whole courses.

        All courses of an account are one partition, which is read page by page: a part may be worked on, and its
        counterpart written, before the next is read.
        """
        await self._connected()
        courseid = self._content.columns.some("courseid")
        part: list[StoredRow] = []
        async for page in self._content.pages(self._content.bind(account)):
            for _, course in groupby(page, key=courseid):
                rows = list(course)
                # A course may go on from the page before.
                if len(part) >= _ROWS_A_PART and courseid(part[-1]) != courseid(rows[0]):
                    yield part
                    part = []
                part += rows
        if part:
            yield part

    async def counterparts(
        self, from_account: str, to_account: str, batches: Collection[tuple[str, str]]
    ) -> tuple[list[Row], list[StoredRow], list[Row]]:
        """What the from account's content rows meet when they are merged.

        Of the to account that is nothing but rows of the same courses, and ledger rows of the from account's
        origins: one that has received many merges does not cost more than another.

        Args:
            from_account: the account whose rows are merged.
            to_account: the account that receives them.
            batches: (courseid, batchid) of the rows.

        Returns:
            The from account's ledger of their courses, and of the to account content rows and ledger rows.
        """
        courses = list(parts(sorted({courseid for courseid, _ in batches}), _COURSES_A_READ))
        content = [self._content_of_courses.bind(to_account, part) for part in courses]
        if not self._merge_ledger:
            return [], await self._content_of_courses.rows(content), []
        # An account has hardly ever received a merge itself, so its ledger is read along with the rest, though it
        # says which origins there are besides the account.
        own_entries = self._bind_entries(to_account, {(*batch, from_account) for batch in batches})
        ledger = [self._ledger_of_courses.bind(from_account, part) for part in courses]
        results = iter(await self._requests.all_rows([*ledger, *content, *own_entries]))
        from_ledger = self._ledger_of_courses.decode(islice(results, len(ledger)))
        to_rows = list(chain.from_iterable(islice(results, len(content))))
        to_ledger = self._ledger_entries.decode(results)
        others = {(row["courseid"], row["batchid"], row["originid"]) for row in from_ledger}
        to_ledger += await self._ledger_entries.decoded(self._bind_entries(to_account, others))
        return from_ledger, to_rows, to_ledger

    def _bind_entries(self, account: str, entries: set[tuple[str, str, str]]) -> list[BoundStatement]:
        return [self._ledger_entries.bind(account, part) for part in parts(sorted(entries), _LEDGER_ROWS_A_READ)]

    async def enrolments(self, *accounts: str) -> list[list[StoredRow]]:
        """All rows of each of one or two accounts in user_enrolments."""
        await self._connected()
        return await self._gathered_enrolments.answer(accounts)

    async def activity_aggregates(self, enrolled: str, accounts: Sequence[str]) -> dict[str, list[Row]]:
        """The Course aggregates of each of `accounts`, for every course that the account `enrolled` is in.

        A partition holds one course of one account, so each read is of several.
        """
        await self._connected()
        (enrolments,) = await self._gathered_courses.answer((enrolled,))
        courses = sorted(course for (course,) in self._courses.columns.distinct(enrolments, "courseid"))
        rows: dict[str, list[Row]] = {account: [] for account in accounts}
        reads = (self._aggregates.bind(part, accounts) for part in parts(courses, _COURSES_A_READ))
        for row in await self._aggregates.decoded(reads):
            rows[row["user_id"]].append(row)
        return rows

    async def merge_log(self, account: str) -> list[Row]:
        """The accounts into which the account was merged: rows of userid, intoid, mid, merged_on."""
        await self._connected()
        (rows,) = await self._gathered_log.answer((account,))
        return self._log.decode([rows])

    async def is_logged(self, from_account: str, into_account: str) -> bool:
        """Whether the merge log has this pair."""
        await self._connected()
        return bool(await self._logged.rows([self._logged.bind(from_account, into_account)]))

    async def write_merge_log(self, from_account: str, into_account: str, mid: str) -> None:
        """Write that one account is merged into another, by an event of this message id."""
        await self._connected()
        row = {"userid": from_account, "intoid": into_account, "mid": mid, "merged_on": now_ms()}
        await self._gathered_inserts.answer(self._insert_log.bind(row))

    async def _write_log_rows(self, rows: list[BoundRow]) -> list[None]:
        await self._requests.rows(as_request(rows))
        return [None] * len(rows)

    async def write_content_consumption(self, batches: Iterable[BatchWrites]) -> None:
        """Write the rows and the ledger rows of whole course batches, each within one mutation."""
        await self._connected()
        for chunk in _chunks(batches):
            rows = [self._insert_content.bind_write(write) for batch in chunk for write in batch.rows]
            rows += [self._insert_ledger.bind(row) for batch in chunk for row in batch.ledger]
            await self._requests.rows(as_request(rows))

    async def write_enrolments(self, writes: Sequence[RowWrite]) -> None:
        """Write rows of user_enrolments of one account, as one mutation."""
        await self._connected()
        rows = [
            (self._insert_enrolment if write.copied else self._update_enrolment).bind_write(write)
            for write in writes
        ]
        if rows:
            await self._requests.rows(as_request(rows))

    async def write_activity_aggregates(self, writes: Iterable[RowWrite]) -> None:
        """Write rows of user_activity_agg, one mutation for each course, and several small ones in one request."""
        await self._connected()
        by_course: dict[str, list[BoundRow]] = {}
        for write in writes:
            row = self._update_aggregates.bind(write.values)
            by_course.setdefault(write.values["activity_id"], []).append(row)
        await self._requests.all_rows(map(as_request, together(by_course.values())))


def now_ms() -> int:
    """Now, as Cassandra stores timestamps: in ms since the epoch."""
    return time.time_ns() // 1_000_000


def _cluster(settings: CassandraSettings) -> Cluster:
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(settings.local_dc or "")),
        consistency_level=ConsistencyLevel.name_to_value[settings.consistency_level],
        request_timeout=None,  # transforms/requests.py has one
        row_factory=tuple_factory,
    )
    return Cluster(
        settings.hosts,
        port=settings.port,
        protocol_version=PROTOCOL_VERSION,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connection_class=LoopConnection,
        auth_provider=(
            PlainTextAuthProvider(settings.username, settings.password()) if settings.username else None
        ),
        ssl_context=settings.tls(),
        # The driver waits up to ten minutes by default; an event is only retried for retry_seconds.
        reconnection_policy=ExponentialReconnectionPolicy(0.5, 5.0),
        # Without it a batch waits 40 ms for a delayed ACK (Nagle).
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )


def _of_accounts(read: Read, each: int = 1) -> Gathering[tuple[str, ...], list[list[StoredRow]]]:
    """Reads the rows of accounts, so many for each caller; an account is a partition, and the first column."""

    async def rows_of(groups: list[tuple[str, ...]]) -> list[list[list[StoredRow]]]:
        accounts = sorted({account for group in groups for account in group})
        rows: dict[bytes | None, list[StoredRow]] = {account.encode(): [] for account in accounts}
        for row in await read.rows([read.bind_partitions(accounts)]):
            rows[row[0]].append(row)
        return [[rows[account.encode()] for account in group] for group in groups]

    return Gathering(rows_of, most=PARTITIONS // each)


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
