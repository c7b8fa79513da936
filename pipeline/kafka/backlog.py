"""The backlog of a consumer group: which records a local run has to merge, and which it has merged."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import nlargest
from itertools import chain, islice

import apache_beam as beam
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.pvalue import PCollection
from apache_beam.runners.runner import PipelineResult
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition

from pipeline.configuration.variables import KafkaSettings
from pipeline.kafka.clients import python_client
from pipeline.kafka.errors import GroupInUseError
from pipeline.kafka.reading import TIMEOUT_MS, records_up_to
from transforms.parse_merge_event import KafkaRecord

_READ_OFFSETS = "read-offsets"


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


def records_within(sizes: Sequence[Sequence[int]], most_records: int, most_bytes: int) -> int:
    """How many records may be read next to be within bounds, from whichever partitions they come.

    A read takes records of each partition in order, but it is not known of which it takes how many. So `n` records
    have no more bytes than the `n` largest of the next `n` of each partition.

    Args:
        sizes: the bytes of the records that come next, for each partition.
        most_records: the largest answer.
        most_bytes: a record that is larger than this is read alone.
    """

    def most(records: int) -> int:
        return sum(nlargest(records, chain.from_iterable(islice(s, records) for s in sizes)))

    there = min(most_records, sum(map(len, sizes)))
    return max(min(1, there), bisect_right(range(1, there + 1), most_bytes, key=most))


class Backlog:
    """The records between the group's offsets and an end, which moves only when told to."""

    def __init__(self, consumer: KafkaConsumer, kafka: KafkaSettings) -> None:
        """Take the topic's present end as the backlog's."""
        self._consumer = consumer
        self._group = kafka.group_id
        partitions = consumer.partitions_for_topic(kafka.input_topic)
        self._partitions = [TopicPartition(kafka.input_topic, partition) for partition in sorted(partitions)]
        consumer.assign(self._partitions)
        self._ends = self._end_offsets()
        self._committed = {p: consumer.committed(p, timeout_ms=TIMEOUT_MS) for p in self._partitions}
        """What the group has committed, as far as this knows."""
        self._positions = self._start_positions()
        self._ahead: dict[TopicPartition, deque[tuple[int, int]]] = {p: deque() for p in self._partitions}
        """Offset and bytes of the records that come next, as far as they have been looked at."""

    def extend(self) -> None:
        """Take in what has been published since."""
        self._ends = self._end_offsets()

    def remaining(self) -> int:
        """How many offsets are left; at least the number of records, since transactions leave markers."""
        return sum(max(0, end - self._positions[partition]) for partition, end in self._ends.items())

    def next_pass(self, most_records: int, most_bytes: int) -> int:
        """How many records to read next to be within bounds (see `records_within`).

        What has nothing left but the markers of transactions, which no reader ever returns, is committed.

        Args:
            most_records: the largest answer.
            most_bytes: a record that is larger than this is read alone.

        Returns:
            the number of records; 0 if there are none.
        """
        for partition in self._partitions:
            self._look_ahead(partition, most_records, most_bytes)
        return records_within(
            [[size for _, size in ahead] for ahead in self._ahead.values()], most_records, most_bytes
        )

    def _look_ahead(self, partition: TopicPartition, most_records: int, most_bytes: int) -> None:
        """Read what a pass might read of a partition, unless it is known already."""
        position, end, ahead = self._positions[partition], self._ends[partition], self._ahead[partition]
        while ahead and ahead[0][0] < position:
            ahead.popleft()
        records, size = len(ahead), sum(size for _, size in ahead)
        start = ahead[-1][0] + 1 if ahead else position
        if start >= end or records >= most_records or size > most_bytes:
            return
        self._consumer.assign([partition])
        self._consumer.seek(partition, start)
        for record in records_up_to(self._consumer, {partition: end}):
            ahead.append((record.offset, len(record.key or b"") + len(record.value or b"")))
            records, size = records + 1, size + ahead[-1][1]
            if records >= most_records or size > most_bytes:
                break
        if not ahead:
            self.commit({partition.partition: end - 1})

    def commit(self, last_read: Mapping[int, int]) -> None:
        """Commit what is merged and written, unless somebody else commits for the group meanwhile.

        A job on Flink does not join its group, so that nobody can see it but by what it commits.

        Args:
            last_read: the last offset by partition.

        Raises:
            GroupInUseError: if the group's offsets are not those that this has found or committed; nothing is
                committed then.
        """
        positions = {
            partition: last_read[partition.partition] + 1
            for partition, position in self._positions.items()
            if last_read.get(partition.partition, -1) >= position
        }
        for partition, expected in self._committed.items():
            found = self._consumer.committed(partition, timeout_ms=TIMEOUT_MS)
            if found != expected:
                where = f"{partition.topic}-{partition.partition}"
                msg = (
                    f"kafka.groupId: {self._group} has committed {found} of {where}, and had {expected}: another "
                    "run, or a job on a cluster, merges for this group at the same time. This run commits nothing "
                    "and ends; stop the other one first, or wait for it."
                )
                raise GroupInUseError(msg)
        if positions:
            self._consumer.commit({p: OffsetAndMetadata(offset, "", -1) for p, offset in positions.items()})
            self._committed.update(positions)
            self._positions.update(positions)

    def _end_offsets(self) -> dict[TopicPartition, int]:
        ends: dict[TopicPartition, int] = self._consumer.end_offsets(self._partitions, timeout_ms=TIMEOUT_MS)
        return ends

    def _start_positions(self) -> dict[TopicPartition, int]:
        """Where KafkaIO starts to read: at the committed offset if the topic has it, else at the earliest."""
        beginnings = self._consumer.beginning_offsets(self._partitions, timeout_ms=TIMEOUT_MS)
        positions = {}
        for partition in self._partitions:
            committed = self._committed[partition]
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
