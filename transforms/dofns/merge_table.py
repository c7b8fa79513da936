"""What the merges of all tables share: one table of one event merged, measured, and sent on to the join."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import DoOutputsTuple, PCollection, TaggedOutput

from transforms.dofns.account_fn import AccountFn, Merging, Outcome
from transforms.dofns.outputs import declare_types
from transforms.elements import MergeEvent, TableFailure, TableMerge
from transforms.format_failed_events import FAILED
from transforms.metrics import NAMESPACE
from transforms.rules.changes import Change
from transforms.settings import CassandraSettings, MergeSettings
from transforms.store.session import StoredTable


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """What merging a part of one table takes; a large account has several.

    Attributes:
        rows_read: rows read from Cassandra.
        rows_to_write: rows that `write` writes, those of the ledger included; where there are none, the to account
            lacks nothing.
        write: writes them.
        changes: what it writes, the ledger's rows included, each beside the row as it was read.
        enrolments: (courseid, batchid) of every enrolment that the to account then has; from user_enrolments only.
    """

    rows_read: int
    rows_to_write: int
    write: Callable[[], Awaitable[None]]
    changes: Callable[[], list[Change]]
    enrolments: tuple[tuple[str, str], ...] = ()


Plan = Callable[[Merging, str, str, str], AsyncIterator[PlannedPart]]
"""MergeTable.plan of a table."""


@dataclass(frozen=True, slots=True)
class TableChange:
    """What merging one table did: rows read and written, and the enrolments as in PlannedPart."""

    rows_read: int
    rows_written: int
    enrolments: tuple[tuple[str, str], ...]


class MergeTableFn(AccountFn[MergeEvent, TableChange]):
    """Merges one table of one event, part by part; elements as of MergeTable."""

    def __init__(self, table: str, plan: Plan, cassandra: CassandraSettings, merge: MergeSettings) -> None:
        """Take the table's name and plan and the settings of the job, and declare the table's metrics."""
        super().__init__(cassandra, merge)
        self._table, self._plan = table, plan
        self._rows_read = Metrics.counter(NAMESPACE, f"{table}-rows-read")
        self._rows_written = Metrics.counter(NAMESPACE, f"{table}-rows-written")

    async def work(self, merging: Merging, item: MergeEvent) -> TableChange:
        """Write what the plan says; a part is written before the next is read."""
        change = TableChange(0, 0, ())
        async for part in self._plan(merging, item.from_account, item.to_account, item.mid):
            if part.rows_to_write:
                await part.write()
            change = TableChange(
                change.rows_read + part.rows_read,
                change.rows_written + part.rows_to_write,
                change.enrolments + part.enrolments,
            )
        return change

    def outputs(self, outcome: Outcome[MergeEvent, TableChange]) -> Iterator[TableMerge | TaggedOutput]:
        """The table's merge, or its failure tagged `failed`."""
        event, change = outcome.item, outcome.done
        if change is None:
            failure = TableFailure(event, self._table, outcome.error or "", outcome.started_ms, outcome.ended_ms)
            yield TaggedOutput(FAILED, failure)
            return
        self._rows_read.inc(change.rows_read)
        self._rows_written.inc(change.rows_written)
        yield TableMerge(
            event,
            self._table,
            change.enrolments,
            outcome.started_ms,
            outcome.ended_ms,
            change.rows_read,
            change.rows_written,
        )


@beam.typehints.with_input_types(tuple[str, MergeEvent])
class MergeTable(beam.PTransform):
    """(to account, MergeEvent) to what became of one table of the event.

    Idempotent: merging again what is merged changes nothing. Outputs: main, TableMerge; `failed`, TableFailure.
    Every event gives exactly one of the two, which is what the join relies on.

    Attributes:
        table: the table's name, in metrics and failures.
        stored: what it reads and writes in Cassandra, besides the tables of the ledger.
    """

    table: ClassVar[str]
    stored: ClassVar[tuple[type[StoredTable], ...]]

    @staticmethod
    def plan(merging: Merging, from_account: str, to_account: str, mid: str) -> AsyncIterator[PlannedPart]:
        """Read both accounts' rows and apply the rules; nothing is written.

        Args:
            merging: what merges need of the job.
            from_account: the account whose history is merged.
            to_account: the account that receives it.
            mid: the message id of the event.
        """
        raise NotImplementedError

    def __init__(self, cassandra: CassandraSettings, merge: MergeSettings) -> None:
        """Take the settings of the job."""
        super().__init__()
        self._fn = MergeTableFn(self.table, self.plan, cassandra, merge)

    def expand(self, events: PCollection) -> DoOutputsTuple:
        """Wire the DoFn and its tagged output."""
        outputs = events | beam.ParDo(self._fn).with_outputs(FAILED, main="merged")
        return declare_types(outputs, merged=TableMerge, failed=TableFailure)
