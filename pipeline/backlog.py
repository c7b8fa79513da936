"""The backlog of a consumer group: which records a local run has to merge, and which it has merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import apache_beam as beam
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.pvalue import PCollection
from apache_beam.runners.runner import PipelineResult
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition

from pipeline.kafka_clients import python_client
from pipeline.settings import KafkaSettings
from transforms.parse_merge_event import KafkaRecord

_READ_OFFSETS = "read-offsets"
_TIMEOUT_MS = 30_000
_MARKERS_MS = 3_000


class RecordOffsetsFn(beam.DoFn):
    """Passes records on and keeps, for each partition, the offsets in a distribution."""

    def process(self, element: KafkaRecord) -> Iterator[KafkaRecord]:
        """Yield the record."""
        Metrics.distribution(_READ_OFFSETS, str(element.partition)).update(element.offset)
        yield element


class RecordOffsets(beam.PTransform):
    """Kafka rows to the same; the offsets that were read are in the metrics of the run (see `offsets_read`)."""

    def expand(self, records: PCollection) -> PCollection:
        """Wire the DoFn."""
        return records | beam.ParDo(RecordOffsetsFn()).with_output_types(records.element_type)


def offsets_read(result: PipelineResult) -> dict[int, int]:
    """The last offset that a finished run has read, by partition; a run reads each partition without gaps."""
    metrics = result.metrics().query(MetricsFilter().with_namespace(_READ_OFFSETS))
    return {int(m.key.metric.name): m.result.max for m in metrics["distributions"]}


class Backlog:
    """The records between the group's offsets and an end, which moves only when told to."""

    def __init__(self, consumer: KafkaConsumer, kafka: KafkaSettings) -> None:
        """Take the topic's present end as the backlog's."""
        self._consumer = consumer
        partitions = consumer.partitions_for_topic(kafka.input_topic)
        self._partitions = [TopicPartition(kafka.input_topic, partition) for partition in sorted(partitions)]
        consumer.assign(self._partitions)
        self._ends = self._end_offsets()
        self._positions = self._start_positions()

    def extend(self) -> None:
        """Take in what has been published since."""
        self._ends = self._end_offsets()

    def remaining(self) -> int:
        """How many offsets are left; at least the number of records, since transactions leave markers."""
        return sum(max(0, end - self._positions[partition]) for partition, end in self._ends.items())

    def commit(self, last_read: Mapping[int, int]) -> None:
        """Commit what is merged and written.

        Args:
            last_read: the last offset by partition.
        """
        positions = {
            partition: last_read[partition.partition] + 1
            for partition, position in self._positions.items()
            if last_read.get(partition.partition, -1) >= position
        }
        if positions:
            self._consumer.commit({p: OffsetAndMetadata(offset, "", -1) for p, offset in positions.items()})
            self._positions.update(positions)

    def skip_markers(self) -> bool:
        """Commit behind the markers of transactions at the partitions' ends, which no reader ever returns.

        Returns:
            whether nothing but markers was left.
        """
        for partition, position in self._positions.items():
            self._consumer.seek(partition, position)
        if self._consumer.poll(timeout_ms=_MARKERS_MS, max_records=1):
            return False
        self.commit({p.partition: self._consumer.position(p) - 1 for p in self._partitions})
        return self.remaining() == 0

    def _end_offsets(self) -> dict[TopicPartition, int]:
        ends: dict[TopicPartition, int] = self._consumer.end_offsets(self._partitions, timeout_ms=_TIMEOUT_MS)
        return ends

    def _start_positions(self) -> dict[TopicPartition, int]:
        """Where KafkaIO starts to read: at the committed offset if the topic has it, else at the earliest."""
        beginnings = self._consumer.beginning_offsets(self._partitions, timeout_ms=_TIMEOUT_MS)
        positions = {}
        for partition in self._partitions:
            committed = self._consumer.committed(partition, timeout_ms=_TIMEOUT_MS)
            kept = committed is not None and beginnings[partition] <= committed <= self._ends[partition]
            positions[partition] = committed if kept else beginnings[partition]
        return positions


@contextmanager
def open_backlog(kafka: KafkaSettings) -> Iterator[Backlog]:
    """Connect to the broker and take the group's backlog of now."""
    consumer = KafkaConsumer(
        **python_client(kafka),
        group_id=kafka.group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        yield Backlog(consumer, kafka)
    finally:
        consumer.close()
