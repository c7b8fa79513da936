"""The failed topic, read from a time or its beginning to the end it has now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaTimeoutError

from pipeline.errors import ConfigError
from pipeline.kafka_clients import connecting, python_client
from pipeline.replay.selection import milliseconds
from pipeline.settings import KafkaSettings

_TIMEOUT_MS = 30_000
_POLL_MS = 1_000
_STALLED_S = 60


class FailedTopic:
    """The records of the failed topic between a start and its present end; what comes later is not read."""

    def __init__(self, consumer: KafkaConsumer, kafka: KafkaSettings, since: datetime | None) -> None:
        """Look up where to start and where to end.

        Args:
            consumer: a consumer that is assigned nothing.
            kafka: the topics.
            since: where to start; None for the beginning.

        Raises:
            ConfigError: if the failed topic or the input topic does not exist.
        """
        for key, topic in (
            ("kafka.output.failed.topic", kafka.failed_topic),
            ("kafka.input.topic", kafka.input_topic),
        ):
            if not consumer.partitions_for_topic(topic):
                msg = f"{key}: there is no topic {topic} at {kafka.broker_servers}."
                raise ConfigError(msg)
        partitions = [
            TopicPartition(kafka.failed_topic, p) for p in consumer.partitions_for_topic(kafka.failed_topic)
        ]
        consumer.assign(partitions)
        self._consumer = consumer
        self._ends: dict[TopicPartition, int] = consumer.end_offsets(partitions, timeout_ms=_TIMEOUT_MS)
        starts: dict[TopicPartition, int] = consumer.beginning_offsets(partitions, timeout_ms=_TIMEOUT_MS)
        if since is not None:
            found = consumer.offsets_for_times(
                dict.fromkeys(partitions, milliseconds(since)), timeout_ms=_TIMEOUT_MS
            )
            starts = {p: self._ends[p] if found[p] is None else found[p].offset for p in partitions}
        for partition, start in starts.items():
            consumer.seek(partition, start)
        self.size = sum(max(0, end - starts[partition]) for partition, end in self._ends.items())
        """How many offsets there are to read, at least as many as records."""

    def records(self) -> Iterator[ConsumerRecord]:
        """Yield each record.

        Raises:
            KafkaError: if the brokers stop answering, or refuse.
        """
        positions = self._positions()
        moved = time.monotonic()
        while any(positions[partition] < end for partition, end in self._ends.items()):
            for partition, polled in self._consumer.poll(timeout_ms=_POLL_MS).items():
                yield from (record for record in polled if record.offset < self._ends[partition])
            before, positions = positions, self._positions()
            if positions != before:
                moved = time.monotonic()
            elif time.monotonic() - moved > _STALLED_S:
                msg = f"nothing could be read for {_STALLED_S} s"
                raise KafkaTimeoutError(msg)

    def _positions(self) -> dict[TopicPartition, int]:
        return {partition: self._consumer.position(partition, timeout_ms=_TIMEOUT_MS) for partition in self._ends}


@contextmanager
def open_failed_topic(kafka: KafkaSettings, since: datetime | None) -> Iterator[FailedTopic]:
    """Connect to the brokers; no group is needed, since nothing is kept of what was read.

    Raises:
        ConfigError: if they cannot be reached, or lack a topic.
    """
    with connecting(kafka):
        consumer = KafkaConsumer(
            **python_client(kafka),
            allow_auto_create_topics=False,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        try:
            topic = FailedTopic(consumer, kafka, since)
        except BaseException:
            consumer.close()
            raise
    try:
        yield topic
    finally:
        consumer.close()
