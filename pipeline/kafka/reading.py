"""Records of a topic between two positions, read by clients of kafka-python."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaTimeoutError

TIMEOUT_MS = 30_000
"""How long a broker may take for one answer."""

_POLL_MS = 1_000
_STALLED_S = 60


def records_up_to(consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> Iterator[ConsumerRecord]:
    """Yield each record before the ends, from the consumer's positions on; nothing is awaited beyond them.

    Args:
        consumer: is assigned the partitions, and positioned.
        ends: an end for each of them that the topic has already.

    Raises:
        KafkaError: if the brokers stop answering, or refuse.
    """

    def positions() -> dict[TopicPartition, int]:
        return {partition: consumer.position(partition, timeout_ms=TIMEOUT_MS) for partition in ends}

    reached, moved = positions(), time.monotonic()
    while any(reached[partition] < end for partition, end in ends.items()):
        for partition, polled in consumer.poll(timeout_ms=_POLL_MS).items():
            yield from (record for record in polled if record.offset < ends[partition])
        before, reached = reached, positions()
        if reached != before:
            moved = time.monotonic()
        elif time.monotonic() - moved > _STALLED_S:
            msg = f"nothing could be read for {_STALLED_S} s"
            raise KafkaTimeoutError(msg)


class TopicRecords:
    """The records of a topic between a start and its present end; what comes later is not read.

    Attributes:
        size: how many offsets there are to read, at least as many as records.
    """

    def __init__(self, consumer: KafkaConsumer, topic: str, since_ms: int | None) -> None:
        """Look up where to start and where to end.

        Args:
            consumer: a consumer that is assigned nothing.
            topic: a topic that exists.
            since_ms: the time to start at, in ms since the epoch; None for the beginning.
        """
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(partitions)
        self._consumer = consumer
        self._ends: dict[TopicPartition, int] = consumer.end_offsets(partitions, timeout_ms=TIMEOUT_MS)
        starts: dict[TopicPartition, int] = consumer.beginning_offsets(partitions, timeout_ms=TIMEOUT_MS)
        if since_ms is not None:
            times = dict.fromkeys(partitions, since_ms)
            found = consumer.offsets_for_times(times, timeout_ms=TIMEOUT_MS)
            starts = {p: self._ends[p] if found[p] is None else found[p].offset for p in partitions}
        for partition, start in starts.items():
            consumer.seek(partition, start)
        self.size = sum(max(0, end - starts[partition]) for partition, end in self._ends.items())

    def __iter__(self) -> Iterator[ConsumerRecord]:
        """Yield each record; raises KafkaError if the brokers stop answering, or refuse."""
        return records_up_to(self._consumer, self._ends)
