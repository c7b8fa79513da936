"""Kafka in and out: the records that the graph reads, and the topics that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.io.kafka import ReadFromKafka, WriteToKafka, default_io_expansion_service
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.transforms.external import JavaJarExpansionService
from kafka import KafkaAdminClient

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.variables import KafkaSettings
from pipeline.graph import MergeOutputs
from pipeline.kafka.clients import connecting, consumer_to_look_at, java_client, python_client
from transforms.records import RecordLimits

ON_FLINK = (
    # The Java stages run within the TaskManagers, not in containers of their own.
    "--defaultEnvironmentType=EMBEDDED",
    # The read that commits its offsets when a checkpoint is complete.
    "--experiments=use_deprecated_read",
)
"""Arguments of an expansion service whose transforms are to run on Flink."""


_LITTLE_BYTES = 4_096
_BATCH_BYTES = 16_384
_REQUEST_BYTES, _BUFFER_BYTES = 1_048_576, 33_554_432


def expansion_service(kafka: KafkaSettings, arguments: Sequence[str] = ()) -> JavaJarExpansionService:
    """The expansion service of the reads and writes of a pipeline, which share it."""
    jar = kafka.expansion_service_jar
    if jar is None:
        return default_io_expansion_service(list(arguments))
    return JavaJarExpansionService(jar, append_args=list(arguments))


def check_topics(kafka: KafkaSettings) -> None:
    """Connect to Kafka and look up every topic before anything starts.

    Raises:
        ConfigError: if it cannot be reached, refuses the login, or lacks a topic that this user may see.
        CredentialsError: if a password or certificate cannot be used on this machine.
    """
    with connecting(kafka):
        admin = KafkaAdminClient(**python_client(kafka))
        try:
            existing = set(admin.list_topics())
        finally:
            admin.close()
    topics = {
        "kafka.input.topic": kafka.input_topic,
        "kafka.output.failed.topic": kafka.failed_topic,
        "kafka.output.course.batch.updater.topic": kafka.sync_topic,
    }
    if missing := [
        f"{variable}: there is no topic {topic} at {kafka.broker_servers}."
        for variable, topic in topics.items()
        if topic not in existing
    ]:
        raise ConfigError("\n".join(missing))


@dataclass(frozen=True, slots=True)
class CountPartitions:
    """Tells on a worker how many partitions the input topic has; it travels in the job, and holds no secret."""

    kafka: KafkaSettings

    def __call__(self) -> int:
        """Ask the brokers.

        Raises:
            KafkaError: if they cannot be reached, or refuse the login; the job could not read then either.
        """
        consumer = consumer_to_look_at(self.kafka)
        try:
            return len(consumer.partitions_for_topic(self.kafka.input_topic) or ()) or 1
        finally:
            consumer.close()


@dataclass(frozen=True, slots=True)
class ReadBounds:
    """Where a read ends.

    Attributes:
        max_num_records: after so many records; below 10,000, KafkaIO reads all partitions in one split, so that it
            does not matter in which of them the records lie.
        max_read_time_s: after so many seconds in any case.
    """

    max_num_records: int
    max_read_time_s: int


class ReadMergeEvents(beam.PTransform):
    """The input topic's records as rows with metadata, from the group's offsets on.

    Nothing is committed by the consumer itself, since its offsets must follow the outputs. A read without bounds
    commits them when a checkpoint of the runner is complete; whoever bounds the read has to commit.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        service: JavaJarExpansionService,
        bounds: ReadBounds | None = None,
        *,
        in_turn: bool = False,
    ) -> None:
        """Describe the read.

        Args:
            kafka: broker, topic and group.
            service: the pipeline's expansion service.
            bounds: where the read ends; without them it never does.
            in_turn: read few records of a partition before those of the next, for a job that keeps to a pace.
        """
        super().__init__()
        self._read = ReadFromKafka(
            consumer_config=java_client(kafka)
            | {
                "group.id": kafka.group_id,
                "auto.offset.reset": "earliest",
                # Kafka's own default is true, and Beam's cross-language builder does not turn it off.
                "enable.auto.commit": "false",
                "isolation.level": "read_committed",
            }
            | ({"max.partition.fetch.bytes": str(_LITTLE_BYTES)} if in_turn else {}),
            topics=[kafka.input_topic],
            with_metadata=True,
            max_num_records=bounds and bounds.max_num_records,
            max_read_time=bounds and bounds.max_read_time_s,
            commit_offset_in_finalize=bounds is None,
            expansion_service=service,
        )

    def expand(self, begin: PBegin) -> PCollection:
        """Apply the read."""
        return begin | self._read


def write_outputs(
    outputs: MergeOutputs, kafka: KafkaSettings, limits: RecordLimits, service: JavaJarExpansionService
) -> None:
    """Wire every output of the graph to its topic; at least once, as WriteToKafka is.

    Args:
        outputs: what leaves the graph, no record larger than its limit.
        kafka: where it goes.
        limits: the topics' limits of now, for which the producers are made.
        service: the pipeline's expansion service.
    """

    def write(topic: str, limit: int) -> WriteToKafka:
        return WriteToKafka(
            producer_config=java_client(kafka) | producer_config(limit), topic=topic, expansion_service=service
        )

    outputs.sync_requests | "WriteSyncRequests" >> write(kafka.sync_topic, limits.sync_requests)
    outputs.follow_ups | "WriteFollowUps" >> write(kafka.input_topic, limits.follow_ups)
    outputs.failed | "WriteFailedEvents" >> write(kafka.failed_topic, limits.failed)


def producer_config(limit: int) -> dict[str, str]:
    """How a producer writes to a topic.

    Args:
        limit: the topic's max.message.bytes.
    """
    return {
        "acks": "all",
        # The flush at the end of a bundle does not wait for this; until then records wait to be sent with others.
        "linger.ms": "100",
        # A refused batch is divided into batches of this size, for ever if a topic does not take those either.
        "batch.size": str(min(limit, _BATCH_BYTES)),
        # What one record may have; Kafka's defaults unless the topic takes more.
        "max.request.size": str(max(limit, _REQUEST_BYTES)),
        "buffer.memory": str(max(2 * limit, _BUFFER_BYTES)),
    }
