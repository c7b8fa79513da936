"""The tables in Cassandra as the stages have them, so that a test reads from top to bottom."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from faults.keyspaces import Keyspace
from faults.memory_tables import DATES
from tests.support.blocking import Blocking
from tests.support.bundles import MERGE
from transforms.dofns.account_fn import Merging
from transforms.dofns.merge_table import MergeTable, PlannedPart
from transforms.settings import CassandraSettings
from transforms.store.activity_aggregates import ActivityAggregates
from transforms.store.assessments import Assessments
from transforms.store.content_consumption import ContentConsumption
from transforms.store.event_loop import wait_for
from transforms.store.ledger import Ledger
from transforms.store.merge_log import MergeLog
from transforms.store.session import Store
from transforms.store.user_enrolments import UserEnrolments
from transforms.table_merges import TABLE_MERGES, stored_tables, would_write


class Tables:
    """A store and its tables, each of which waits for what it does; `kind` is looked up anew each time."""

    def __init__(self, settings: CassandraSettings, *, merge_ledger: bool = True) -> None:
        self.store = Store(settings)
        self._merge_ledger = merge_ledger

    @cached_property
    def merging(self) -> Merging:
        return Merging(self.store, DATES, self._merge_ledger)

    def check(self) -> None:
        self.store.check(stored_tables(dataclasses.replace(MERGE, merge_ledger=self._merge_ledger)))

    def close(self) -> None:
        self.store.close()

    @property
    def contents(self) -> Any:
        return self._table(ContentConsumption)

    @property
    def ledger(self) -> Any:
        return self._table(Ledger)

    @property
    def enrolments(self) -> Any:
        return self._table(UserEnrolments)

    @property
    def aggregates(self) -> Any:
        return self._table(ActivityAggregates)

    @property
    def assessments(self) -> Any:
        return self._table(Assessments)

    @property
    def log(self) -> Any:
        return self._table(MergeLog)

    def plan(self, stage: type[MergeTable], from_account: str, to_account: str) -> Iterator[PlannedPart]:
        """The parts of the merge of one table, each of which is read when it is asked for."""
        stages = Blocking(stage)
        parts: Iterator[PlannedPart] = stages.plan(self.merging, from_account, to_account, "")
        return parts

    def write(self, part: PlannedPart) -> None:
        async def written() -> None:
            await part.write()

        wait_for(written())

    def merge(self, from_account: str, to_account: str) -> None:
        """Merge all tables."""
        for stage in TABLE_MERGES:
            for part in self.plan(stage, from_account, to_account):
                self.write(part)

    def would_write(self, from_account: str, to_account: str) -> bool:
        return wait_for(would_write(self.merging, from_account, to_account))

    def _table(self, kind: Any) -> Any:
        return Blocking(wait_for(self.store.table(kind)))


@contextmanager
def connected(keyspace: Keyspace, /, *, merge_ledger: bool = True, **changes: Any) -> Iterator[Tables]:
    tables = Tables(keyspace.settings(**changes), merge_ledger=merge_ledger)
    try:
        yield tables
    finally:
        tables.close()
