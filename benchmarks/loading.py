"""Loads pairs of accounts into Cassandra, as fast as one process can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cassandra.cluster import Session

from benchmarks.driver import Statements, execute_all
from benchmarks.workload import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS, Pair
from transforms.rules.rows import Row
from transforms.statements import as_request

_IN_FLIGHT = 16
_ROWS_A_BATCH = 500


def load(session: Session, pairs: Iterable[Pair]) -> int:
    """Insert the rows of all accounts; rows of one partition go together.

    Returns:
        how many rows it inserted.
    """
    statements, rows = Statements(session), 0
    inserts = {table: statements.insert(table) for table in (CONTENT_CONSUMPTION, ENROLMENTS, ACTIVITY_AGG)}

    def batches() -> Iterator[Any]:
        nonlocal rows
        for table, partition in _partitions(pairs):
            rows += len(partition)
            yield as_request([inserts[table].bind(row) for row in partition])

    execute_all(session, batches(), _IN_FLIGHT)
    return rows


def _partitions(pairs: Iterable[Pair]) -> Iterator[tuple[str, list[Row]]]:
    for pair in pairs:
        for account in (pair.from_rows, pair.to_rows):
            for table, rows in account.items():
                size = 1 if table == ACTIVITY_AGG else _ROWS_A_BATCH
                for start in range(0, len(rows), size):
                    yield table, rows[start : start + size]
