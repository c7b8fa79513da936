"""Publishes originals to the input topic, and knows of each whether it arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from kafka import KafkaProducer
from kafka.errors import KafkaError

from pipeline.configuration.variables import KafkaSettings
from pipeline.kafka.clients import connecting, python_client
from pipeline.replay.selection import FailedRecord
from transforms.parse_merge_event import REPLAYED_FROM

_CLOSE_S = 10
_LARGEST_REQUEST_BYTES = 104_857_600


class Publisher:
    """Sends without waiting; what has arrived is known when nothing is open.

    Attributes:
        open: how many events may still arrive.
        confirmed: how many events all in-sync replicas have, by error code.
        error: why the first of those that could not be published was not; None as long as there is none.
    """

    def __init__(self, producer: KafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._settled = Condition()  # the producer calls back on a thread of its own
        self.open = 0
        self.confirmed: Counter[str] = Counter()
        self.error: BaseException | None = None

    def publish(self, failed: FailedRecord) -> None:
        """Send the original of a failed event; without a key, as the platform's producer does."""
        with self._settled:
            self.open += 1
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
        future.add_callback(lambda _: self._confirm(failed.error_code))
        future.add_errback(self._refuse)

    def wait(self, timeout_s: float) -> bool:
        """Wait until everything is confirmed or given up, which each is within the producer's delivery timeout.

        The producer's own flush would raise as soon as a batch is split because it is too large for the topic.

        Returns:
            whether it is, after the timeout in seconds.
        """
        with self._settled:
            return self._settled.wait_for(lambda: self.open == 0, timeout_s)

    def _confirm(self, error_code: str) -> None:
        with self._settled:
            self.confirmed[error_code] += 1
            self._settle()

    def _refuse(self, error: BaseException) -> None:
        with self._settled:
            self.error = self.error or error
            self._settle()

    def _settle(self) -> None:
        self.open -= 1
        self._settled.notify()


@contextmanager
def open_publisher(kafka: KafkaSettings) -> Iterator[Publisher]:
    """A publisher, as open_producer."""
    with open_producer(kafka) as producer:
        yield Publisher(producer, kafka.input_topic)


@contextmanager
def open_producer(kafka: KafkaSettings) -> Iterator[KafkaProducer]:
    """Connect to the brokers; at the end, what is still open is waited for a short time only.

    Raises:
        ConfigError: if they cannot be reached.
    """
    with connecting(kafka):
        producer = KafkaProducer(
            **python_client(kafka),
            allow_auto_create_topics=False,
            acks="all",
            linger_ms=5,
            # An idempotent producer gives up everything as soon as the broker refuses one record. What a retry
            # doubles is merged once.
            enable_idempotence=False,
            # What the input topic takes is for the broker to say.
            max_request_size=_LARGEST_REQUEST_BYTES,
        )
    try:
        yield producer
    finally:
        producer.close(timeout=_CLOSE_S)
