"""Records of a topic between two positions, read by a client of kafka-python."""

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
