"""JoinTableMerges: waits until all tables of an event are merged, or have failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms.dofns.outputs import declare_types
from transforms.elements import JoinedEvent, Source, TableFailure, TableMerge
from transforms.metrics import MERGE_LATENCY, NAMESPACE, LatencyBuckets
from transforms.table_merges import TABLE_MERGES

SCATTERED = "scattered"
"""The outcomes of an event that came in several bundles."""

TableOutcome = TableMerge | TableFailure

_OUTCOMES = BagStateSpec("outcomes", PickleCoder())


class GatherWithinBundleFn(beam.DoFn):
    """Gathers the outcomes of an event that are in one bundle; incomplete ones leave tagged `scattered`."""

    def start_bundle(self) -> None:
        """Begin with nothing."""
        self._waiting: dict[Source, dict[str, tuple[TableOutcome, Timestamp]]] = {}

    def process(
        self, element: TableOutcome, timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[tuple[TableOutcome, ...]]:
        """Keep the outcome until it is the event's last; then yield all of them."""
        source = element.event.source
        by_table = self._waiting.setdefault(source, {})
        by_table[element.table] = element, timestamp
        if len(by_table) == len(TABLE_MERGES):
            del self._waiting[source]
            yield tuple(outcome for outcome, _ in by_table.values())

    def finish_bundle(self) -> Iterator[TaggedOutput]:
        """Pass on what is not complete."""
        for by_table in self._waiting.values():
            for outcome, timestamp in by_table.values():
                yield TaggedOutput(SCATTERED, WindowedValue(outcome, timestamp, (GlobalWindow(),)))


class GatherScatteredFn(beam.DoFn):
    """Gathers the outcomes of an event that are in several bundles; elements (source, outcome)."""

    def process(
        self,
        element: tuple[str, TableOutcome],
        outcomes: Any = beam.DoFn.StateParam(_OUTCOMES),
    ) -> Iterator[tuple[TableOutcome, ...]]:
        """Keep the outcome until it is the event's last; then yield all of them and clear the event's state."""
        outcome = element[1]
        by_table: dict[str, TableOutcome] = {kept.table: kept for kept in outcomes.read()}
        by_table[outcome.table] = outcome
        if len(by_table) < len(TABLE_MERGES):
            outcomes.add(outcome)
        else:
            outcomes.clear()
            yield tuple(by_table.values())


class JoinTableMergesFn(beam.DoFn):
    """Turns the outcomes of all tables of an event into one element; elements as of JoinTableMerges."""

    def __init__(self) -> None:
        self._latency = Metrics.distribution(NAMESPACE, MERGE_LATENCY)
        self._buckets = LatencyBuckets()

    def process(self, element: tuple[TableOutcome, ...]) -> Iterator[JoinedEvent]:
        """Yield the event."""
        outcomes = sorted(element, key=lambda outcome: outcome.table)
        event = outcomes[0].event
        merges = [outcome for outcome in outcomes if isinstance(outcome, TableMerge)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, TableFailure)]
        enrolments = tuple(enrolment for merge in merges for enrolment in merge.enrolments)
        rows = tuple((merge.table, merge.rows_read, merge.rows_written) for merge in merges)
        started, ended = min(o.started_ms for o in outcomes), max(o.ended_ms for o in outcomes)
        error = "; ".join(f"{failure.table} could not be merged: {failure.error}" for failure in failures)
        if not failures:
            self._latency.update(round(ended - started))
            self._buckets.count(ended - started)
        yield JoinedEvent(event, enrolments, rows, started, ended, error)


def _by_source(outcome: TableOutcome) -> tuple[str, TableOutcome]:
    return outcome.event.source.id, outcome


@beam.typehints.with_input_types(TableOutcome)
class JoinTableMerges(beam.PTransform):
    """TableMerge and TableFailure of all tables to one element for each event.

    Where a runner has those of an event in one bundle, as it has when it fuses the merges with this, they are
    gathered there, without a shuffle. All others meet by state, which is kept by the event's source and cleared by
    its last outcome, failed or not. JoinedEvent's error names every failed table.
    """

    def expand(self, outcomes: PCollection) -> PCollection:
        """Wire both ways of gathering, and what is made of what they gather."""
        gathered = tuple[TableOutcome, ...]
        within = outcomes | "GatherWithinBundle" >> beam.ParDo(GatherWithinBundleFn()).with_outputs(
            SCATTERED, main="gathered"
        )
        declare_types(within, gathered=gathered, scattered=TableOutcome)
        gathered_later = (
            within[SCATTERED]
            | "KeyBySource" >> beam.Map(_by_source).with_output_types(tuple[str, TableOutcome])
            | "GatherScattered" >> beam.ParDo(GatherScatteredFn()).with_output_types(gathered)
        )
        return (
            (within.gathered, gathered_later)
            | "FlattenGathered" >> beam.Flatten()
            | "Join" >> beam.ParDo(JoinTableMergesFn()).with_output_types(JoinedEvent)
        )
