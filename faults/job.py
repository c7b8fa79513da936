"""One job of a test, with topics and a keyspace of its own: publish, run, look at what came out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple

from apache_beam.utils.subprocess_server import SubprocessServer
from cassandra.cluster import Session
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.consumer.fetcher import ConsumerRecord
from rich.console import Console

from faults.keyspaces import Keyspace, Row
from local.settings import HOST, PROJECT, LocalSettings
from pipeline.configuration.settings import resolve
from pipeline.replay.options import read_options
from pipeline.replay.run import replay
from pipeline.report import RunMetrics
from pipeline.run import run_backlog

Message = Any
"""bytes and None are published as they are, anything else as JSON."""

_PUBLISHED_WITHIN_MS = 600_000
"""However long a test leaves Kafka down."""

_LARGEST_REQUEST_BYTES = 16_777_216
"""What a topic takes is its own affair."""


class Replayed(NamedTuple):
    """What a replay told."""

    exit_code: int
    output: str
    errors: str


@dataclass
class Job:
    """A job on real Kafka and Cassandra.

    Attributes:
        services: where they are.
        session: a session on the job's keyspace, which is named like env.
        env: fills {{env}} in the names of topics and group.
        partitions: how many the input topic has.
        options: further options of the pipeline.
        kafka_client: what clients of the test need to connect to Kafka, besides the address.
        hosts: the Cassandra nodes that the pipeline is told of.
    """

    services: LocalSettings
    session: Session
    env: str
    partitions: int
    options: list[str]
    kafka_client: dict[str, Any] = field(default_factory=dict)
    hosts: tuple[str, ...] = (HOST,)

    def __post_init__(self) -> None:
        self._client = {"bootstrap_servers": self.services.kafka_address, **self.kafka_client}
        self.input_topic = f"{self.env}.lms.user.account.merge"
        self.failed_topic = f"{self.env}.learning.events.failed"
        self.sync_topic = f"{self.env}.coursebatch.job.request"
        self.group = f"{self.env}-merge-courses-group"
        admin = KafkaAdminClient(**self._client)
        try:
            partitions = {self.input_topic: self.partitions, self.failed_topic: 1, self.sync_topic: 1}
            # What a test publishes as of long ago is not to be thrown away meanwhile.
            keep = {"retention.ms": "-1"}
            admin.create_topics([NewTopic(topic, n, 1, topic_configs=keep) for topic, n in partitions.items()])
        finally:
            admin.close()

    @property
    def argv(self) -> list[str]:
        """The pipeline's command line."""
        return [
            "--runner=DirectRunner",
            f"--env={self.env}",
            f"--kafka_broker_servers={self.services.kafka_address}",
            f"--kafka_expansion_service_jar={self.services.expansion_service_jar}",
            f"--lms_cassandra_host={','.join(self.hosts)}",
            f"--lms_cassandra_port={self.services.cassandra_port}",
            f"--lms_cassandra_keyspace={self.session.keyspace}",
            *self.options,
        ]

    def add_partitions(self, partitions: int) -> None:
        """Let the input topic have so many."""
        admin = KafkaAdminClient(**self._client)
        try:
            admin.create_partitions({self.input_topic: partitions})
        finally:
            admin.close()
        self.partitions = partitions

    def limit(self, topic: str, max_message_bytes: int) -> None:
        """Let the topic take no larger batch than this."""
        self.configure(topic, "max.message.bytes", str(max_message_bytes))

    def configure(self, topic: str, name: str, value: str) -> None:
        """Set one property of a topic."""
        admin = KafkaAdminClient(**self._client)
        try:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])
        finally:
            admin.close()

    def publish(self, messages: Sequence[Message], *, partition: int | None = None, over_s: float = 0) -> None:
        """Publish to the input topic: to one partition, or to all in turn; evenly over so many seconds."""
        producer = KafkaProducer(
            **self._client, delivery_timeout_ms=_PUBLISHED_WITHIN_MS, max_request_size=_LARGEST_REQUEST_BYTES
        )
        began = time.monotonic()
        try:
            sent = []
            for i, message in enumerate(messages):
                time.sleep(max(0.0, began + over_s * i / len(messages) - time.monotonic()))
                to = i % self.partitions if partition is None else partition
                raw = message if message is None or isinstance(message, bytes) else json.dumps(message).encode()
                # kafka-python sends no record that has neither key nor value.
                key = b"tombstone" if raw is None else None
                sent.append(producer.send(self.input_topic, raw, key=key, partition=to))
            producer.flush()
            for record in sent:
                record.get()
        finally:
            producer.close()

    def run(self) -> RunMetrics:
        """Merge the backlog, in this process, with one expansion service for all runs of the session."""
        with SubprocessServer.cache_subprocesses():
            return run_backlog(resolve(self.argv, {}), Console(quiet=True))

    def start(self, stdout: IO[str] | int = subprocess.PIPE, **environ: str) -> subprocess.Popen[str]:
        """Start the command in a process of its own, the leader of its group, with more variables.

        It says a line for each event: a pipe that nobody reads is soon full, and the command waits for ever.
        """
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *self.argv],
            cwd=PROJECT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environ},
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def inputs(self) -> list[dict[str, Any]]:
        """All events of the input topic, which must be JSON."""
        return self._read(self.input_topic)

    def failed(self) -> list[dict[str, Any]]:
        """All failed events."""
        return self._read(self.failed_topic)

    def sync_requests(self) -> list[dict[str, Any]]:
        """All sync requests."""
        return self._read(self.sync_topic)

    def lag(self) -> int:
        """How many records the group has left."""
        consumer = KafkaConsumer(**self._client, group_id=self.group, enable_auto_commit=False)
        try:
            partitions = [TopicPartition(self.input_topic, p) for p in range(self.partitions)]
            ends = consumer.end_offsets(partitions)
            return sum(ends[p] - (consumer.committed(p) or 0) for p in partitions)
        finally:
            consumer.close()

    def insert(self, rows: dict[str, list[Row]]) -> None:
        """Insert rows by table."""
        self._keyspace.insert(rows)

    def rows(self) -> dict[str, list[Row]]:
        """All rows of all tables."""
        return self._keyspace.all_rows()

    @property
    def _keyspace(self) -> Keyspace:
        return Keyspace(self.session, self.services.cassandra_port)

    def replay(self, *options: str) -> Replayed:
        """Replay failed events, in this process."""
        kafka = f"--kafka_broker_servers={self.services.kafka_address}"
        output, errors = io.StringIO(), io.StringIO()
        read = read_options([f"--env={self.env}", kafka, *options], {}, datetime.now(UTC))
        console = Console(file=output, width=200, highlight=False)
        exit_code = replay(read, console, Console(file=errors, soft_wrap=True))
        return Replayed(exit_code, output.getvalue(), errors.getvalue())

    def records(self, topic: str) -> list[ConsumerRecord]:
        """All records of a topic."""
        consumer = KafkaConsumer(**self._client, auto_offset_reset="earliest", enable_auto_commit=False)
        try:
            partitions = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic)]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            records = []
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                for polled in consumer.poll(timeout_ms=1_000).values():
                    records += polled
            return records
        finally:
            consumer.close()

    def _read(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.records(topic)]
