"""Kafka in and out: the records that the graph reads, and the topics that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.io.kafka import ReadFromKafka, WriteToKafka, default_io_expansion_service
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.transforms.external import JavaJarExpansionService
from kafka import KafkaAdminClient

from pipeline.graph import MergeOutputs
from pipeline.kafka_clients import connecting, java_client, python_client
from pipeline.settings import ConfigError, KafkaSettings

ON_FLINK = (
    # The Java stages run within the TaskManagers, not in containers of their own.
    "--defaultEnvironmentType=EMBEDDED",
    # The read that commits its offsets when a checkpoint is complete.
    "--experiments=use_deprecated_read",
)
"""Arguments of an expansion service whose transforms are to run on Flink."""


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
        self, kafka: KafkaSettings, service: JavaJarExpansionService, bounds: ReadBounds | None = None
    ) -> None:
        """Describe the read.

        Args:
            kafka: broker, topic and group.
            service: the pipeline's expansion service.
            bounds: where the read ends; without them it never does.
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
            },
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


def write_outputs(outputs: MergeOutputs, kafka: KafkaSettings, service: JavaJarExpansionService) -> None:
    """Wire every output of the graph to its topic; at least once, as WriteToKafka is."""
    # Every bundle ends with a flush, which does not linger: until then records wait for others to go with.
    together = {"linger.ms": "100", "batch.size": "131072"}

    def write(topic: str) -> WriteToKafka:
        return WriteToKafka(
            producer_config=java_client(kafka) | {"acks": "all"} | together,
            topic=topic,
            expansion_service=service,
        )

    outputs.sync_requests | "WriteSyncRequests" >> write(kafka.sync_topic)
    outputs.follow_ups | "WriteFollowUps" >> write(kafka.input_topic)
    outputs.failed | "WriteFailedEvents" >> write(kafka.failed_topic)
