"""Three replicas of the content rows and the ledger in memory, and all that can come between two of their steps.

They are read and written as Cassandra is at quorum: a read asks two replicas and takes of each cell the value with
the latest timestamp; a write that is acknowledged is on two; one that times out is on none, one or two, and may
land on the others at any time. What is written at once is atomic on each replica.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from random import Random
from typing import Any

from cassandra.cqltypes import Int32Type, LongType, UTF8Type

from transforms.rules.content_consumption import COUNTERS, KEY, BatchWrites
from transforms.rules.rows import Row, RowWrite, StoredRow
from transforms.rules.view_counts import MAPS
from transforms.store.rows import Columns, Pairing
from transforms.store.values import serializer

CONTENT, LEDGER = "content", "ledger"

Partition = tuple[str, str]
"""The table, and the account."""

RowKey = tuple[str, ...]

Cells = dict[str, tuple[int, Any]]
"""The columns of a row, each with its timestamp before its value: the larger of two is the one that holds."""

Rows = dict[RowKey, Cells]

Mutation = dict[Partition, Rows]
"""What is written at once, to partitions of the same key."""

_FACT_KEY = "courseid", "batchid", "originid", "fact"

_COLUMNS = Columns(dict.fromkeys(("userid", *KEY), UTF8Type) | dict.fromkeys(COUNTERS, Int32Type))
_text, _int, _time = serializer(UTF8Type), serializer(Int32Type), serializer(LongType)


class WriteTimeoutError(Exception):
    """A write was not acknowledged; nobody knows which replicas it is on, or will be."""


class Step:
    """Where anything else may happen, when it is awaited: a coroutine is suspended there."""

    def __await__(self) -> Generator[None]:
        """Suspend the coroutine once."""
        yield


class Replicas:
    """Three replicas, and mutations that are still on their way to some of them.

    Attributes:
        random: decides all that may be one way or another.
        now_us: the time.
        writes: how many mutations were sent.
    """

    def __init__(self, random: Random) -> None:
        self.random, self.now_us, self.writes = random, 1_000, 0
        self._replicas: list[Mutation] = [{}, {}, {}]
        self._on_their_way: list[tuple[int, Mutation]] = []

    def tick(self) -> None:
        """Time passes, and something that is on its way may arrive."""
        self.now_us += self.random.randrange(4)  # so that some timestamps are the same
        if self._on_their_way and self.random.random() < 0.2:
            self._arrive(*self._on_their_way.pop(self.random.randrange(len(self._on_their_way))))

    def come_to_rest(self) -> None:
        """What is on its way arrives now or never."""
        for sent in self._on_their_way:
            if self.random.random() < 0.5:
                self._arrive(*sent)
        self._on_their_way.clear()

    def read(self, partition: Partition, *, repair: bool = True) -> Rows:
        """The rows of a partition as two replicas know them, each of which then knows them all."""
        asked = [replica.setdefault(partition, {}) for replica in self.random.sample(self._replicas, 2)]
        rows: Rows = {}
        for replica in asked:
            for key, cells in replica.items():
                rows[key] = _newest(rows.get(key), cells)
        if repair:
            for replica in asked:
                replica.update(rows)
        return rows

    def write(self, mutation: Mutation, timeouts: float = 0.0) -> None:
        """Send a mutation to all replicas.

        Raises:
            WriteTimeoutError: with the probability `timeouts`, and then fewer replicas have it.
        """
        self.writes += 1
        is_acknowledged = self.random.random() >= timeouts
        reached = self.random.choice([2, 3] if is_acknowledged else [0, 1, 1, 2])
        for place, replica in enumerate(self.random.sample(range(3), 3)):
            if place < reached:
                self._arrive(replica, mutation)
            else:
                self._on_their_way.append((replica, mutation))
        if not is_acknowledged:
            raise WriteTimeoutError

    def _arrive(self, replica: int, mutation: Mutation) -> None:
        for partition, written in mutation.items():
            rows = self._replicas[replica].setdefault(partition, {})
            for key, cells in written.items():
                rows[key] = _newest(rows.get(key), cells)


def _newest(cells: Cells | None, others: Cells) -> Cells:
    """Rows are never changed in place: several replicas may have the same."""
    if cells is None or cells is others:
        return others
    return cells | {column: max(cell, cells.get(column, cell)) for column, cell in others.items()}


class ReplicatedTables:
    """ContentConsumption and Ledger in one, on replicas instead of Cassandra."""

    key = KEY
    pairs = Pairing(_COLUMNS, "userid", KEY, COUNTERS).pairs

    def __init__(self, replicas: Replicas, *, timeouts: float = 0.0, clock_us: int = 0) -> None:
        """Reach the replicas.

        Args:
            replicas: where the rows are.
            timeouts: the probability that a write times out.
            clock_us: how far the clock of this writer is ahead.
        """
        self.replicas, self.clock_us, self._timeouts = replicas, clock_us, timeouts

    async def table(self, _: type) -> ReplicatedTables:
        """This object, whichever is asked for (as Store)."""
        return self

    @staticmethod
    def courses(rows: Iterable[StoredRow]) -> list[str]:
        """The courses that rows are of."""
        return sorted({courseid for (courseid,) in _COLUMNS.distinct(rows, "courseid")})

    async def parts(self, account: str) -> AsyncIterator[list[StoredRow]]:
        """The rows of one course after the other, each read when it is asked for."""
        for course in sorted({key[0] for key in self.replicas.read((CONTENT, account))}):
            await Step()
            yield [row[: len(_COLUMNS.names)] for row in self.rows(account, [course])]

    async def of_courses(self, account: str, courses: Sequence[str]) -> list[StoredRow]:
        """The account's rows."""
        await Step()
        return self.rows(account, courses)

    async def facts(self, accounts: Sequence[str], courses: Sequence[str]) -> dict[str, list[Row]]:
        """The accounts' facts, which are two partitions: either of them is read first."""
        facts = {}
        for account in self.replicas.random.sample(accounts, len(accounts)):
            await Step()
            facts[account] = self.known_facts(account, courses)
        return facts

    async def add(self, batches: Iterable[BatchWrites]) -> None:
        """All facts as one mutation."""
        if facts := [fact for batch in batches for fact in batch.facts]:
            await Step()
            self.send(self.mutation_of_facts(facts))

    async def write(self, batches: Iterable[BatchWrites]) -> None:
        """All rows as one mutation."""
        if writes := [write for batch in batches for write in batch.rows]:
            await Step()
            self.send(self.mutation_of_rows(writes))

    def send(self, mutation: Mutation) -> None:
        """Send a mutation, which may time out."""
        self.replicas.write(mutation, self._timeouts)

    def timestamp_us(self, write: RowWrite) -> int:
        """With which timestamp a row is written."""
        return write.timestamp_us(self._now_us())

    def mutation_of_rows(self, writes: Sequence[RowWrite]) -> Mutation:
        """Writes of rows of one account as they are sent."""
        rows = {key: _cells(row, self.timestamp_us(write)) for write in writes for key, row in [_row(write)]}
        return {(CONTENT, writes[0].values["userid"]): rows}

    def mutation_of_facts(self, facts: Sequence[Row]) -> Mutation:
        """Facts of one account as they are sent."""
        rows = {_fact_key(fact): _cells(_frozen_maps(fact), self._now_us()) for fact in facts}
        return {(LEDGER, facts[0]["userid"]): rows}

    def rows(self, account: str, courses: Sequence[str]) -> list[StoredRow]:
        """Rows as they are stored, and after their columns the write times of the counters."""
        rows = self.replicas.read((CONTENT, account))
        return [_stored(account, key, rows[key]) for key in sorted(rows) if key[0] in courses]

    def known_facts(self, account: str, courses: Sequence[str]) -> list[Row]:
        """What a quorum knows of the ledger."""
        rows = self.replicas.read((LEDGER, account), repair=self.repairs())
        return [
            dict(zip(_FACT_KEY, key, strict=True)) | {column: dict(value) for column, (_, value) in cells.items()}
            for key, cells in rows.items()
            if key[0] in courses
        ]

    def repairs(self) -> bool:
        """Whether what is read of the ledger is on a quorum then."""
        return True

    def _now_us(self) -> int:
        return self.replicas.now_us + self.clock_us


def content_row(account: str, key: RowKey, counts: Row, timestamp_us: int) -> Mutation:
    """A row as the platform writes it: its key, and the counters that it has."""
    return {(CONTENT, account): {key: _cells(dict(zip(KEY, key, strict=True)) | counts, timestamp_us)}}


def _cells(values: Row, timestamp_us: int) -> Cells:
    return {column: (timestamp_us, value) for column, value in values.items() if value is not None}


def _row(write: RowWrite) -> tuple[RowKey, Row]:
    stored = _COLUMNS.row(write.copied) if isinstance(write.copied, tuple) else {}
    values = stored | write.values
    del values["userid"]
    return tuple(values[column] for column in KEY), values


def _fact_key(fact: Row) -> RowKey:
    return tuple(fact[column] for column in _FACT_KEY)


def _frozen_maps(fact: Row) -> Row:
    """The maps of a fact, each as one value that can be compared."""
    return {column: tuple(sorted(fact[column].items())) for column in MAPS.values() if column in fact}


def _stored(account: str, key: RowKey, cells: Cells) -> StoredRow:
    counters = [cells.get(counter) for counter in COUNTERS]
    values = [None if cell is None else _int(cell[1]) for cell in counters]
    times = [None if cell is None else _time(cell[0]) for cell in counters]
    return (*map(_text, (account, *key)), *values, *times)
