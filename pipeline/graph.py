"""The graph of the job as a function of its source, so that tests pass Create and the job passes Kafka."""

from __future__ import annotations

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from transforms.elements import MergeEvent
from transforms.format_failed_events import FormatFailedEvents
from transforms.join_table_merges import JoinTableMerges
from transforms.log_merge import LogMerge
from transforms.pace import Throttle
from transforms.parse_merge_event import ParseMergeEvent
from transforms.records import ReadLimits, RecordLimits
from transforms.request_enrolment_sync import RequestEnrolmentSync
from transforms.settings import CassandraSettings, MergeSettings
from transforms.table_merges import TABLE_MERGES


@dataclass(frozen=True, slots=True)
class MergeOutputs:
    """The PCollections that leave the graph, each of Kafka records (key, value) as bytes.

    Attributes:
        sync_requests: for the sync topic.
        follow_ups: for the input topic.
        failed: for the failed topic, from every stage.
    """

    sync_requests: PCollection
    follow_ups: PCollection
    failed: PCollection


def _by_to_account(event: MergeEvent) -> tuple[str, MergeEvent]:
    return event.to_account, event


def build_graph(
    records: PCollection,
    cassandra: CassandraSettings,
    merge: MergeSettings,
    read_limits: ReadLimits = RecordLimits,
    throttle: Throttle | None = None,
) -> MergeOutputs:
    """Wire all stages behind `records` (design.md, "Shape of the pipeline").

    Args:
        records: rows with the fields of transforms.parse_merge_event.KafkaRecord.
        cassandra: how to reach the tables.
        merge: how accounts are merged.
        read_limits: tells, on a worker, how large a record each topic takes; Kafka's defaults without it.
        throttle: how fast records are taken; as fast as they can be merged without it.
    """
    parsed = records | "ParseMergeEvent" >> ParseMergeEvent(throttle)
    logged = (
        parsed.events
        | "KeyByToAccount" >> beam.Map(_by_to_account).with_output_types(tuple[str, MergeEvent])
        | "LogMerge" >> LogMerge(cassandra, merge)
    )
    merges = [logged.logged | stage.__name__ >> stage(cassandra, merge) for stage in TABLE_MERGES]
    outcomes = [pcoll for merge_ in merges for pcoll in (merge_.merged, merge_.failed)]
    joined = outcomes | "FlattenTables" >> beam.Flatten() | "JoinTableMerges" >> JoinTableMerges()
    requested = joined | "RequestEnrolmentSync" >> RequestEnrolmentSync(cassandra, merge, read_limits)
    failed = (
        [parsed.failed, logged.failed, requested.failed]
        | "FlattenFailed" >> beam.Flatten()
        | "FormatFailedEvents" >> FormatFailedEvents(read_limits)
    )
    return MergeOutputs(requested.sync_requests, requested.follow_ups, failed)
