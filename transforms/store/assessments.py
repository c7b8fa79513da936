"""assessment_aggregator in Cassandra: the attempts of one account in one batch are part of one partition."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import cast

from cassandra.metadata import TableMetadata

from transforms.rules.assessments import assessment_rules
from transforms.rules.rows import Pair, RowWrite, StoredRow
from transforms.store.errors import SchemaError
from transforms.store.rows import Pairing
from transforms.store.session import Session
from transforms.store.statements import Read, Write, as_request, insert, name_of, parts, share_requests

_log = logging.getLogger(__name__)

_VARIABLE = "lms-cassandra.assessment_aggregator.table"

_COURSE_AND_BATCH = ("course_id", "batch_id"), ("collection_id", "context_id")
"""The columns of the primary key that name them, by release."""

_TYPES = {"last_attempted_on": "timestamp", "total_score": "double"}
"""The columns that decide which row is kept, and their types."""

_BATCHES_A_READ = 5
"""How many batches are asked for in one request: each of them in each of their courses, of both accounts."""


class Assessments:
    """Reads and writes of assessment_aggregator, where there is such a table.

    Attributes:
        table: the table as it was then; None where there is none, or none is configured.
    """

    table: TableMetadata | None

    def __init__(self, session: Session) -> None:
        """Prepare the statements.

        Raises:
            SchemaError: if the table's primary key is none that is known.
        """
        name = session.settings.assessment_aggregator_table
        found = session.find(name) if name else None
        self.table = found
        if found is None:
            if name:
                _log.warning("%s: there is no table %s; attempts at assessments are not merged", _VARIABLE, name)
            return
        course, batch = _COURSE_AND_BATCH["collection_id" in found.columns]
        self.rules = rules = assessment_rules(course, batch)
        session.table(found.name, _VARIABLE, (rules.account, *rules.key), _TYPES, partition=None)
        key = [column.name for column in found.primary_key]
        if {*key[:3]} != {rules.account, course, batch}:
            msg = (
                f"{_VARIABLE}: the primary key of table {found.name} is ({', '.join(key)}): "
                f"{rules.account}, {course} and {batch} must be the first of it"
            )
            raise SchemaError(msg)
        self._requests = session.requests
        where = f"{name_of(course)} IN ? AND {name_of(batch)} IN ? AND {name_of(rules.account)} IN ?"
        self._of_batches = Read(session, found, where)
        self._insert = Write(session.driver, insert(found))
        self.columns = columns = self._of_batches.columns
        self._batch_of = columns.take(course, batch)
        self._partition_of = columns.take(*(column.name for column in found.partition_key))
        self._pairing = Pairing(columns, rules.account, rules.key)

    async def rows(
        self, from_account: str, to_account: str, batches: Collection[tuple[str, str]]
    ) -> tuple[list[StoredRow], list[StoredRow]]:
        """The attempts of two accounts in some batches, each (courseid, batchid)."""
        accounts = from_account, to_account
        reads = (
            self._of_batches.bind(*(sorted({*names}) for names in zip(*some, strict=True)), accounts)
            for some in parts(sorted(batches), _BATCHES_A_READ)
        )
        asked_for = {(course.encode(), batch.encode()) for course, batch in batches}
        # Of two courses and their batches, a read asks for each course in each batch.
        rows = [row for row in await self._of_batches.rows(reads) if self._batch_of(row) in asked_for]
        return self.columns.by_account(rows, self.rules.account, from_account)

    def pairs(self, from_rows: Iterable[StoredRow], to_rows: Iterable[StoredRow]) -> list[Pair]:
        """Each from row with what the to account has of the same key, for the rules."""
        return self._pairing.pairs(from_rows, to_rows)

    async def write(self, writes: Sequence[RowWrite]) -> None:
        """Write rows of one account, all of them copied ones, one mutation for each partition."""
        by_partition = groupby(writes, key=lambda write: self._partition_of(cast(StoredRow, write.copied)))
        partitions = ([self._insert.bind_write(write) for write in rows] for _, rows in by_partition)
        await self._requests.all_rows(map(as_request, share_requests(partitions)))
