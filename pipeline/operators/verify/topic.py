"""What is known from Kafka of each event of the input topic: it waits, has failed, or must have been merged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from pipeline.configuration.variables import KafkaSettings
from pipeline.kafka.clients import looking_at
from pipeline.kafka.reading import TIMEOUT_MS, TopicRecords
from pipeline.replay.failed_topic import check_topic, open_failed_topic
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
    """The records of the input topic between a start and its present end.

    Attributes:
        size: how many offsets there are to read, at least as many as records.
    """

    def __init__(self, consumer: KafkaConsumer, kafka: KafkaSettings, since: datetime | None) -> None:
        """Look up where to start, where to end, and how far the job has come.

        Args:
            consumer: a consumer of the job's group, that is assigned nothing.
            kafka: the topics.
            since: where to start; None for the beginning.

        Raises:
            ConfigError: if there is no such topic.
        """
        check_topic(consumer, kafka, "kafka.input.topic", kafka.input_topic)
        partitions = [
            TopicPartition(kafka.input_topic, p) for p in consumer.partitions_for_topic(kafka.input_topic)
        ]
        # First how far the job has come: what it merges from now on is still taken to wait.
        self._committed = {p: consumer.committed(p, timeout_ms=TIMEOUT_MS) or 0 for p in partitions}
        self._records = TopicRecords(consumer, kafka.input_topic, None if since is None else milliseconds(since))
        self.size = self._records.size

    def records(self) -> Iterator[tuple[ConsumerRecord, bool]]:
        """Yield each record, and whether the job has not come to it.

        Raises:
            KafkaError: if the brokers stop answering, or refuse.
        """
        for record in self._records:
            yield record, record.offset >= self._committed[TopicPartition(record.topic, record.partition)]


def open_input_topic(kafka: KafkaSettings, since: datetime | None) -> AbstractContextManager[InputTopic]:
    """Connect to the brokers; the group's offsets are looked at, and none is committed.

    Raises:
        ConfigError: if they cannot be reached, or lack the topic.
    """
    return looking_at(kafka, lambda consumer: InputTopic(consumer, kafka, since), kafka.group_id)


def failed_positions(kafka: KafkaSettings, since: datetime | None) -> set[str]:
    """The positions, as Source.id, of the inputs that have failed; an event fails after it was published.

    Raises:
        ConfigError: if the brokers cannot be reached, or lack a topic.
        KafkaError: if they stop answering.
    """
    positions = set()
    with open_failed_topic(kafka, since) as topic:
        for record in topic:
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
