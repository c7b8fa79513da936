"""JoinTableMerges: waits until all three tables of an event are merged, or have failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.metrics import Metrics
from apache_beam.pvalue import DoOutputsTuple, PCollection, TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms.elements import FailedEvent, MergedEvent, Source, TableFailure, TableMerge
from transforms.failures import DATA_ERROR, FAILED
from transforms.metrics import MERGE_LATENCY, NAMESPACE
from transforms.outputs import declare_types

TABLES = 3

APART = "apart"

TableOutcome = TableMerge | TableFailure

_OUTCOMES = BagStateSpec("outcomes", PickleCoder())


class GatherWithinBundleFn(beam.DoFn):
    """Gathers the outcomes of an event that are in one bundle; where one is missing they leave tagged `apart`."""

    def start_bundle(self) -> None:
        """Begin with nothing."""
        self._waiting: dict[Source, dict[str, tuple[TableOutcome, Timestamp]]] = {}

    def process(
        self, element: TableOutcome, timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[tuple[TableOutcome, ...]]:
        """Keep the outcome until it is the event's last; then yield all three."""
        source = element.event.source
        by_table = self._waiting.setdefault(source, {})
        by_table[element.table] = element, timestamp
        if len(by_table) == TABLES:
            del self._waiting[source]
            yield tuple(outcome for outcome, _ in by_table.values())

    def finish_bundle(self) -> Iterator[TaggedOutput]:
        """Pass on what is not complete."""
        for by_table in self._waiting.values():
            for outcome, timestamp in by_table.values():
                yield TaggedOutput(APART, WindowedValue(outcome, timestamp, (GlobalWindow(),)))


class GatherApartFn(beam.DoFn):
    """Gathers the outcomes of an event that are in several bundles; elements (source, outcome)."""

    def process(
        self,
        element: tuple[str, TableOutcome],
        outcomes: Any = beam.DoFn.StateParam(_OUTCOMES),
    ) -> Iterator[tuple[TableOutcome, ...]]:
        """Keep the outcome until it is the event's last; then yield all three and clear the event's state."""
        outcome = element[1]
        by_table: dict[str, TableOutcome] = {kept.table: kept for kept in outcomes.read()}
        by_table[outcome.table] = outcome
        if len(by_table) < TABLES:
            outcomes.add(outcome)
        else:
            outcomes.clear()
            yield tuple(by_table.values())


class JoinTableMergesFn(beam.DoFn):
    """Makes one of the outcomes of an event's tables; elements as of JoinTableMerges."""

    def __init__(self) -> None:
        self._latency = Metrics.distribution(NAMESPACE, MERGE_LATENCY)

    def process(self, element: tuple[TableOutcome, ...]) -> Iterator[MergedEvent | TaggedOutput]:
        """Yield the event, or its failure tagged `failed`."""
        outcomes = sorted(element, key=lambda outcome: outcome.table)
        event = outcomes[0].event
        merges = [outcome for outcome in outcomes if isinstance(outcome, TableMerge)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, TableFailure)]
        if failures:
            error = "; ".join(f"{failure.table} could not be merged: {failure.error}" for failure in failures)
            yield TaggedOutput(FAILED, FailedEvent(DATA_ERROR, error, event.source, event.original))
        else:
            started, ended = min(m.started_ms for m in merges), max(m.ended_ms for m in merges)
            self._latency.update(round(ended - started))
            yield MergedEvent(event, tuple(enrolment for merge in merges for enrolment in merge.enrolments))


def _by_source(outcome: TableOutcome) -> tuple[str, TableOutcome]:
    return outcome.event.source.id, outcome


@beam.typehints.with_input_types(TableOutcome)
class JoinTableMerges(beam.PTransform):
    """TableMerge and TableFailure of all three tables to one element for each event.

    Where a runner has the three of an event in one bundle, as it has when it fuses the merges with this, they are
    gathered there, without a shuffle. All others meet by state, which is kept by the event's source and cleared by
    its third outcome, failed or not. Outputs: main, MergedEvent; `failed`, FailedEvent with DATA_ERROR that names
    every failed table.
    """

    def expand(self, outcomes: PCollection) -> DoOutputsTuple:
        """Wire both ways of gathering, and what is made of what they gather."""
        gathered = tuple[TableOutcome, ...]
        within = outcomes | "GatherWithinBundle" >> beam.ParDo(GatherWithinBundleFn()).with_outputs(
            APART, main="gathered"
        )
        declare_types(within, gathered=gathered, apart=TableOutcome)
        apart = (
            within[APART]
            | "KeyBySource" >> beam.Map(_by_source).with_output_types(tuple[str, TableOutcome])
            | "GatherApart" >> beam.ParDo(GatherApartFn()).with_output_types(gathered)
        )
        outputs = (
            (within.gathered, apart)
            | "FlattenGathered" >> beam.Flatten()
            | "Join" >> beam.ParDo(JoinTableMergesFn()).with_outputs(FAILED, main="merged")
        )
        return declare_types(outputs, merged=MergedEvent, failed=FailedEvent)
