"""What is known from Kafka of each event of the input topic: it waits, has failed, or must have been merged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.settings import KafkaSettings
from pipeline.kafka.clients import connecting, python_client
from pipeline.kafka.reading import TIMEOUT_MS, records_up_to
from pipeline.replay.failed_topic import open_failed_topic
from pipeline.replay.selection import milliseconds, read_failed_record
from transforms.elements import Source
from transforms.parse_merge_event import InvalidEventError, parse_merge_event
from transforms.rules.rows import Row

Pair = tuple[str, str]
"""The from account and the to account."""


@dataclass
class TopicEvents:
    """The events of a topic.

    Attributes:
        waiting: how many the job has not read and committed yet.
        failed: how many are in the failed topic.
        lost: the positions of those that were refused, and are not in the failed topic.
        merged: of each pair of accounts the positions of those that must have been merged.
        unsettled: the pairs of which an event waits, so that nothing can be said of their rows.
    """

    waiting: int = 0
    failed: int = 0
    lost: list[Source] = field(default_factory=list)
    merged: dict[Pair, list[Source]] = field(default_factory=lambda: defaultdict(list))
    unsettled: set[Pair] = field(default_factory=set)

    def add(self, record: ConsumerRecord, failed: set[str], *, is_waiting: bool) -> None:
        """Take in a record of the topic.

        Args:
            record: the record.
            failed: the positions of the failed events.
            is_waiting: whether the group has not come to it.
        """
        source = Source(record.topic, record.partition, record.offset, record.timestamp)
        try:
            event = parse_merge_event(record.value, source)
        except InvalidEventError:
            event = None
        if is_waiting:
            self.waiting += 1
            if event:
                self.unsettled.add((event.from_account, event.to_account))
        elif source.id in failed:
            self.failed += 1
        elif event:
            self.merged[event.from_account, event.to_account].append(source)
        else:
            self.lost.append(source)


class InputTopic:
    """The records of the input topic between a start and its present end."""

    def __init__(self, consumer: KafkaConsumer, kafka: KafkaSettings, since: datetime | None) -> None:
        """Look up where to start, where to end, and how far the job has come.

        Args:
            consumer: a consumer of the job's group, that is assigned nothing.
            kafka: the topics.
            since: where to start; None for the beginning.

        Raises:
            ConfigError: if there is no such topic.
        """
        numbers = consumer.partitions_for_topic(kafka.input_topic)
        if not numbers:
            msg = f"kafka.input.topic: there is no topic {kafka.input_topic} at {kafka.broker_servers}."
            raise ConfigError(msg)
        partitions = [TopicPartition(kafka.input_topic, number) for number in sorted(numbers)]
        consumer.assign(partitions)
        self._consumer = consumer
        # First how far the job has come: what it merges from now on is still taken to wait.
        self._committed = {p: consumer.committed(p, timeout_ms=TIMEOUT_MS) or 0 for p in partitions}
        self._ends: dict[TopicPartition, int] = consumer.end_offsets(partitions, timeout_ms=TIMEOUT_MS)
        starts: dict[TopicPartition, int] = consumer.beginning_offsets(partitions, timeout_ms=TIMEOUT_MS)
        if since is not None:
            times = dict.fromkeys(partitions, milliseconds(since))
            found: dict[TopicPartition, Any] = consumer.offsets_for_times(times, timeout_ms=TIMEOUT_MS)
            starts = {p: self._ends[p] if found[p] is None else found[p].offset for p in partitions}
        for partition, start in starts.items():
            consumer.seek(partition, start)
        self.size = sum(max(0, end - starts[partition]) for partition, end in self._ends.items())
        """How many offsets there are to read, at least as many as records."""

    def records(self) -> Iterator[tuple[ConsumerRecord, bool]]:
        """Yield each record, and whether the job has not come to it.

        Raises:
            KafkaError: if the brokers stop answering, or refuse.
        """
        for record in records_up_to(self._consumer, self._ends):
            yield record, record.offset >= self._committed[TopicPartition(record.topic, record.partition)]


@contextmanager
def open_input_topic(kafka: KafkaSettings, since: datetime | None) -> Iterator[InputTopic]:
    """Connect to the brokers; the group's offsets are looked at, and none is committed.

    Raises:
        ConfigError: if they cannot be reached, or lack the topic.
    """
    with connecting(kafka):
        consumer = KafkaConsumer(
            **python_client(kafka),
            group_id=kafka.group_id,
            allow_auto_create_topics=False,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        try:
            topic = InputTopic(consumer, kafka, since)
        except BaseException:
            consumer.close()
            raise
    try:
        yield topic
    finally:
        consumer.close()


def failed_positions(kafka: KafkaSettings, since: datetime | None) -> set[str]:
    """The positions, as Source.id, of the inputs that have failed; an event fails after it was published.

    Raises:
        ConfigError: if the brokers cannot be reached, or lack a topic.
        KafkaError: if they stop answering.
    """
    positions = set()
    with open_failed_topic(kafka, since) as topic:
        for record in topic.records():
            source = Source(record.topic, record.partition, record.offset, record.timestamp)
            if failed := read_failed_record(record.value, source):
                positions.add(failed.origin.id)
    return positions


def is_merged(source: Source, events: Iterable[Row]) -> bool:
    """Whether an event has an outcome, or a later one of the same accounts, which brings the same.

    Args:
        source: the event's position.
        events: rows of the history of its accounts that have not failed.
    """
    published = datetime.fromtimestamp(max(source.timestamp, 0) / 1000, UTC)
    return any(event["source"] == source.id or event["ended_on"] >= published for event in events)
