"""Events in, sync requests out: what Kafka's own timestamps say of each event."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from benchmarks.workload import Pair
from local.errors import LocalError
from local.settings import LocalSettings
from local.topics import FAILED_TOPIC, INPUT_TOPIC, SYNC_TOPIC

_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Event:
    """A message and whom it concerns.

    Attributes:
        to_account: no other event of a run has the same, so that its sync requests can be told apart.
        message: the message.
    """

    to_account: str
    message: bytes


def events_of(pairs: Iterable[Pair]) -> list[Event]:
    """The events that merge pairs."""
    return [Event(pair.to_account, pair.event()) for pair in pairs]


class Topics:
    """The job's topics on the broker of a benchmark."""

    def __init__(self, settings: LocalSettings) -> None:
        """Remember where they are."""
        self._address = settings.kafka_address

    def publish(self, events: Iterable[Event], *, per_s: float | None = None) -> dict[str, float]:
        """Publish events to all partitions in turn.

        Args:
            events: what to publish.
            per_s: how many a second; as fast as it goes if not given.

        Returns:
            when each was published, in s since the epoch, by to account.
        """
        producer = KafkaProducer(bootstrap_servers=self._address, linger_ms=0)
        try:
            partitions = sorted(producer.partitions_for(INPUT_TOPIC))
            published, began = {}, time.time()
            for number, event in enumerate(events):
                if per_s is not None:
                    time.sleep(max(0.0, began + number / per_s - time.time()))
                published[event.to_account] = time.time()
                producer.send(INPUT_TOPIC, event.message, partition=partitions[number % len(partitions)])
            producer.flush()
            return published
        finally:
            producer.close()

    def end(self) -> int:
        """The end of the topic of sync requests, which has one partition."""
        return self._end(SYNC_TOPIC)

    def wait_for(self, end: int, timeout_s: float) -> None:
        """Wait until the topic of sync requests has come to an end.

        Raises:
            LocalError: if events fail, or it takes too long.
        """
        deadline = time.monotonic() + timeout_s
        while (now := self.end()) < end:
            if failed := self._end(FAILED_TOPIC):
                msg = f"{failed} events of the benchmark have failed; see the topic {FAILED_TOPIC}."
                raise LocalError(msg)
            if time.monotonic() > deadline:
                msg = f"{end - now} sync requests are missing after {timeout_s:.0f} s; try fewer --events."
                raise LocalError(msg)
            time.sleep(_POLL_S)

    def completions(self, start: int, events: Sequence[Event], requests: int) -> dict[str, float]:
        """When the last sync request of each event was written, in s since the epoch, by to account.

        Args:
            start: where to start to read.
            events: the events that are expected.
            requests: how many sync requests each of them makes.

        Raises:
            LocalError: if sync requests are missing.
        """
        counts: Counter[str] = Counter()
        times: dict[str, float] = {}
        consumer = KafkaConsumer(bootstrap_servers=self._address, enable_auto_commit=False)
        try:
            partition = TopicPartition(SYNC_TOPIC, 0)
            consumer.assign([partition])
            consumer.seek(partition, start)
            end = self.end()
            while consumer.position(partition) < end:
                for records in consumer.poll(timeout_ms=1_000).values():
                    for record in records:
                        account = json.loads(record.value)["edata"]["userId"]
                        counts[account] += 1
                        times[account] = max(times.get(account, 0.0), record.timestamp / 1000)
        finally:
            consumer.close()
        if missing := sum(counts[event.to_account] < requests for event in events):
            msg = f"{missing} of {len(events)} events have not made all their sync requests."
            raise LocalError(msg)
        return {event.to_account: times[event.to_account] for event in events}

    def _end(self, topic: str) -> int:
        consumer = KafkaConsumer(bootstrap_servers=self._address, enable_auto_commit=False)
        try:
            partition = TopicPartition(topic, 0)
            end: int = consumer.end_offsets([partition])[partition]
            return end
        finally:
            consumer.close()
