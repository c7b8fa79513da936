"""Publishes originals to the input topic, and knows of each whether it arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaProducer
from kafka.errors import KafkaError

from pipeline.errors import ConfigError
from pipeline.replay.failed_topic import client_configuration
from pipeline.replay.selection import FailedRecord
from pipeline.settings import KafkaSettings

REPLAYED_FROM = "replayed-from"
"""The header of a replayed event: `topic-partition-offset` of the failed event it was made of."""

_CLOSE_S = 10


class Publisher:
    """Sends without waiting; what has arrived is known after `flush`.

    Attributes:
        error: why the first of those that could not be published was not; None as long as there is none.
    """

    def __init__(self, producer: KafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._confirmed: list[str] = []  # appended to by the producer's own thread
        self.error: BaseException | None = None

    def publish(self, failed: FailedRecord) -> None:
        """Send the original; without a key, as the platform's producer does."""
        try:
            future = self._producer.send(
                self._topic,
                failed.original,
                # kafka-python refuses a record of neither key nor value.
                key=b"" if failed.original is None else None,
                headers=[(REPLAYED_FROM, failed.source.id.encode())],
            )
        except KafkaError as e:
            self._refuse(e)
            return
        future.add_callback(lambda _: self._confirmed.append(failed.error_code))
        future.add_errback(self._refuse)

    def flush(self) -> None:
        """Wait until everything is confirmed or given up, which takes at most the producer's delivery timeout."""
        self._producer.flush()

    @property
    def confirmed(self) -> Counter[str]:
        """How many events all in-sync replicas have, by error code."""
        return Counter(self._confirmed)

    def _refuse(self, error: BaseException) -> None:
        self.error = self.error or error


@contextmanager
def open_publisher(kafka: KafkaSettings) -> Iterator[Publisher]:
    """Connect to the brokers; at the end, what is still open is waited for a short time only.

    Raises:
        ConfigError: if they cannot be reached.
    """
    try:
        producer = KafkaProducer(**client_configuration(kafka), acks="all", linger_ms=5)
    except KafkaError as e:
        msg = f"kafka.broker-servers: {kafka.broker_servers} cannot be used: {e}"
        raise ConfigError(msg) from e
    try:
        yield Publisher(producer, kafka.input_topic)
    finally:
        producer.close(timeout=_CLOSE_S)
