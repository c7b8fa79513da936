"""What the three merges share: one table of one event merged, measured, and sent on to the join."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import DoOutputsTuple, PCollection, TaggedOutput

from transforms.account_fn import AccountFn, Outcome
from transforms.elements import MergeEvent, TableFailure, TableMerge
from transforms.failures import FAILED
from transforms.metrics import NAMESPACE
from transforms.outputs import declare_types
from transforms.settings import CassandraSettings, MergeSettings


@dataclass(frozen=True, slots=True)
class TableChange:
    """What merging one table did.

    Attributes:
        rows_read: rows read from Cassandra.
        rows_written: rows written, ledger rows included.
        enrolments: (courseid, batchid) of every enrolment that the to account now has, from the merge of
            user_enrolments alone.
    """

    rows_read: int
    rows_written: int
    enrolments: tuple[tuple[str, str], ...] = ()


class MergeTableFn(AccountFn[MergeEvent, TableChange]):
    """Merges one table of one event: `work` reads both accounts' rows, applies the rules, writes changes."""

    table: str

    def __init__(self, cassandra: CassandraSettings, merge: MergeSettings) -> None:
        """Take the settings of the job and declare the table's metrics."""
        super().__init__(cassandra, merge)
        self._rows_read = Metrics.counter(NAMESPACE, f"{self.table}-rows-read")
        self._rows_written = Metrics.counter(NAMESPACE, f"{self.table}-rows-written")

    def outputs(self, outcome: Outcome[MergeEvent, TableChange]) -> Iterator[TableMerge | TaggedOutput]:
        """The table's merge, or its failure tagged `failed`."""
        event, change = outcome.item, outcome.done
        if change is None:
            yield TaggedOutput(FAILED, TableFailure(event, self.table, outcome.error or ""))
            return
        self._rows_read.inc(change.rows_read)
        self._rows_written.inc(change.rows_written)
        yield TableMerge(event, self.table, change.enrolments, outcome.started_ms, outcome.ended_ms)


@beam.typehints.with_input_types(tuple[str, MergeEvent])
class MergeTable(beam.PTransform):
    """(to account, MergeEvent) to what became of one table of the event.

    Idempotent: merging again what is merged changes nothing. Outputs: main, TableMerge; `failed`, TableFailure.
    Every event gives exactly one of the two, which is what the join relies on.
    """

    fn: type[MergeTableFn]

    def __init__(self, cassandra: CassandraSettings, merge: MergeSettings) -> None:
        """Take the settings of the job."""
        super().__init__()
        self._fn = self.fn(cassandra, merge)

    def expand(self, events: PCollection) -> DoOutputsTuple:
        """Wire the DoFn and its tagged output."""
        outputs = events | beam.ParDo(self._fn).with_outputs(FAILED, main="merged")
        return declare_types(outputs, merged=TableMerge, failed=TableFailure)
