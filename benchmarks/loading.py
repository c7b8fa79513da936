"""Loads pairs of accounts into Cassandra, as fast as one process can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cassandra.cluster import Session

from benchmarks.account_rows import ACTIVITY_AGG, ASSESSMENTS, CONTENT_CONSUMPTION, ENROLMENTS
from benchmarks.driver import Statements, batch, execute_all
from benchmarks.workload import Pair
from local.schema import KEYSPACE
from transforms.rules.rows import Row

_IN_FLIGHT = 16
_ROWS_A_BATCH = 500


def load(session: Session, pairs: Iterable[Pair], keyspace: str = KEYSPACE) -> int:
    """Insert the rows of all accounts; rows of one partition go together.

    Returns:
        how many rows it inserted.
    """
    statements, rows = Statements(session, keyspace), 0
    inserts = {
        table: statements.insert(table) for table in (CONTENT_CONSUMPTION, ENROLMENTS, ACTIVITY_AGG, ASSESSMENTS)
    }

    def batches() -> Iterator[Any]:
        nonlocal rows
        for table, partition in _partitions(pairs):
            rows += len(partition)
            yield batch((inserts[table], row) for row in partition)

    execute_all(session, batches(), _IN_FLIGHT)
    return rows


def _partitions(pairs: Iterable[Pair]) -> Iterator[tuple[str, list[Row]]]:
    for pair in pairs:
        for account in (pair.from_rows, pair.to_rows):
            for table, rows in account.items():
                size = _ROWS_A_BATCH if table in (CONTENT_CONSUMPTION, ENROLMENTS) else 1
                for start in range(0, len(rows), size):
                    yield table, rows[start : start + size]
