"""The failed topic, read from a time or its beginning to the end it has now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.settings import KafkaSettings
from pipeline.kafka.clients import connecting, consumer_to_look_at
from pipeline.kafka.reading import TIMEOUT_MS, records_up_to
from pipeline.replay.selection import milliseconds


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
        self._ends: dict[TopicPartition, int] = consumer.end_offsets(partitions, timeout_ms=TIMEOUT_MS)
        starts: dict[TopicPartition, int] = consumer.beginning_offsets(partitions, timeout_ms=TIMEOUT_MS)
        if since is not None:
            found = consumer.offsets_for_times(
                dict.fromkeys(partitions, milliseconds(since)), timeout_ms=TIMEOUT_MS
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
        yield from records_up_to(self._consumer, self._ends)


@contextmanager
def open_failed_topic(kafka: KafkaSettings, since: datetime | None) -> Iterator[FailedTopic]:
    """Connect to the brokers.

    Raises:
        ConfigError: if they cannot be reached, or lack a topic.
    """
    with connecting(kafka):
        consumer = consumer_to_look_at(kafka)
        try:
            topic = FailedTopic(consumer, kafka, since)
        except BaseException:
            consumer.close()
            raise
    try:
        yield topic
    finally:
        consumer.close()
