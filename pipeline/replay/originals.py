"""Originals that were too large for the failed topic, fetched from where they were read."""

from __future__ import annotations

from contextlib import AbstractContextManager

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import AuthorizationError

from pipeline.configuration.variables import KafkaSettings
from pipeline.kafka.clients import looking_at
from pipeline.kafka.reading import TIMEOUT_MS, records_up_to
from pipeline.replay.selection import FailedRecord
from transforms.elements import Source


class OriginalGoneError(Exception):
    """An original that cannot be fetched; the message says where it was, and why not."""


class Originals:
    """The topics from which failed events were read."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    def complete(self, failed: FailedRecord) -> FailedRecord:
        """Returns the failed event with its whole original, of which it has the beginning.

        Raises:
            OriginalGoneError: if the topic has it no longer, or another in its place since it was made anew, or if
                this user may not read it.
            KafkaError: if the brokers stop answering.
        """
        try:
            whole = self._value_at(failed.origin)
        except AuthorizationError as e:
            msg = f"{failed.origin.id} (this user may not read the topic)"
            raise OriginalGoneError(msg) from e
        if whole is None:
            msg = f"{failed.origin.id} (the topic does not have it any more)"
            raise OriginalGoneError(msg)
        if len(whole) != failed.whole_bytes or not whole.startswith(failed.original or b""):
            msg = f"{failed.origin.id} (the topic has another message there)"
            raise OriginalGoneError(msg)
        return failed.with_original(whole)

    def _value_at(self, source: Source) -> bytes | None:
        if source.partition not in (self._consumer.partitions_for_topic(source.topic) or ()):
            return None
        partition = TopicPartition(source.topic, source.partition)
        beginnings = self._consumer.beginning_offsets([partition], timeout_ms=TIMEOUT_MS)
        ends = self._consumer.end_offsets([partition], timeout_ms=TIMEOUT_MS)
        if not beginnings[partition] <= source.offset < ends[partition]:
            return None
        self._consumer.assign([partition])
        self._consumer.seek(partition, source.offset)
        record = next(records_up_to(self._consumer, {partition: source.offset + 1}), None)
        return record and record.value


def open_originals(kafka: KafkaSettings) -> AbstractContextManager[Originals]:
    """Connect to the brokers.

    Raises:
        ConfigError: if they cannot be reached.
    """
    return looking_at(kafka, Originals)
