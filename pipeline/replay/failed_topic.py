"""The failed topic, read from a time or its beginning to the end it has now."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime

from kafka import KafkaConsumer

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.variables import KafkaSettings
from pipeline.kafka.clients import looking_at
from pipeline.kafka.reading import TopicRecords
from pipeline.replay.selection import milliseconds


def open_failed_topic(kafka: KafkaSettings, since: datetime | None) -> AbstractContextManager[TopicRecords]:
    """Connect to the brokers; the records are those since a time, None for all.

    Raises:
        ConfigError: if they cannot be reached, or lack the failed topic or the input topic.
    """

    def look(consumer: KafkaConsumer) -> TopicRecords:
        for key, topic in (
            ("kafka.output.failed.topic", kafka.failed_topic),
            ("kafka.input.topic", kafka.input_topic),
        ):
            check_topic(consumer, kafka, key, topic)
        return TopicRecords(consumer, kafka.failed_topic, None if since is None else milliseconds(since))

    return looking_at(kafka, look)


def check_topic(consumer: KafkaConsumer, kafka: KafkaSettings, key: str, topic: str) -> None:
    """Raise ConfigError, which names the key, if there is no such topic."""
    if not consumer.partitions_for_topic(topic):
        msg = f"{key}: there is no topic {topic} at {kafka.broker_servers}."
        raise ConfigError(msg)
