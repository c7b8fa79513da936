"""JoinTableMerges: waits until all three tables of an event are merged, or have failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.metrics import Metrics
from apache_beam.pvalue import DoOutputsTuple, PCollection, TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec

from transforms.elements import FailedEvent, MergedEvent, TableFailure, TableMerge
from transforms.failures import DATA_ERROR, FAILED
from transforms.metrics import MERGE_LATENCY, NAMESPACE
from transforms.outputs import declare_types

TABLES = 3

_OUTCOMES = BagStateSpec("outcomes", PickleCoder())


class JoinTableMergesFn(beam.DoFn):
    """Joins the outcomes of one event's tables; elements as of JoinTableMerges."""

    def __init__(self) -> None:
        self._latency = Metrics.distribution(NAMESPACE, MERGE_LATENCY)

    def process(
        self,
        element: tuple[str, TableMerge | TableFailure],
        outcomes: Any = beam.DoFn.StateParam(_OUTCOMES),
    ) -> Iterator[MergedEvent | TaggedOutput]:
        """Keep the outcome until it is the event's last; then yield the event and clear its state."""
        outcome = element[1]
        by_table: dict[str, TableMerge | TableFailure] = {kept.table: kept for kept in outcomes.read()}
        by_table[outcome.table] = outcome
        if len(by_table) < TABLES:
            outcomes.add(outcome)
        else:
            outcomes.clear()
            yield self._joined([by_table[table] for table in sorted(by_table)])

    def _joined(self, outcomes: list[TableMerge | TableFailure]) -> MergedEvent | TaggedOutput:
        event = outcomes[0].event
        merges = [outcome for outcome in outcomes if isinstance(outcome, TableMerge)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, TableFailure)]
        if failures:
            error = "; ".join(f"{failure.table} could not be merged: {failure.error}" for failure in failures)
            return TaggedOutput(FAILED, FailedEvent(DATA_ERROR, error, event.source, event.original))
        started, ended = min(m.started_ms for m in merges), max(m.ended_ms for m in merges)
        self._latency.update(round(ended - started))
        return MergedEvent(event, tuple(enrolment for merge in merges for enrolment in merge.enrolments))


def _by_source(outcome: TableMerge | TableFailure) -> tuple[str, TableMerge | TableFailure]:
    return outcome.event.source.id, outcome


@beam.typehints.with_input_types(TableMerge | TableFailure)
class JoinTableMerges(beam.PTransform):
    """TableMerge and TableFailure of all three tables to one element for each event.

    State is kept by the event's source while the event is in work, and cleared by its third outcome, failed or
    not. Outputs: main, MergedEvent; `failed`, FailedEvent with DATA_ERROR that names every failed table.
    """

    def expand(self, outcomes: PCollection) -> DoOutputsTuple:
        """Key by the event and wire the stateful DoFn."""
        outputs = (
            outcomes
            | "KeyBySource" >> beam.Map(_by_source).with_output_types(tuple[str, TableMerge | TableFailure])
            | "Join" >> beam.ParDo(JoinTableMergesFn()).with_outputs(FAILED, main="merged")
        )
        return declare_types(outputs, merged=MergedEvent, failed=FailedEvent)
