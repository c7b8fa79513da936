"""Kafka in and out: the records that the graph reads, and the topics that it writes."""

from __future__ import annotations

import functools

import apache_beam as beam
from apache_beam.io.kafka import ReadFromKafka, WriteToKafka
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.transforms.external import JavaJarExpansionService

from pipeline.graph import MergeOutputs
from pipeline.settings import KafkaSettings


@functools.lru_cache
def expansion_service(jar: str | None) -> JavaJarExpansionService | None:
    """The one expansion service of this process; None for Beam's own default, which downloads its jar."""
    return None if jar is None else JavaJarExpansionService(jar)


class ReadMergeEvents(beam.PTransform):
    """The input topic's records as rows with metadata, from the group's offsets on.

    Nothing is committed here by the consumer itself: its offsets must follow the outputs.
    """

    def __init__(self, kafka: KafkaSettings, *, max_num_records: int, max_read_time_s: int) -> None:
        """Bound the read.

        Args:
            kafka: broker, topic and group.
            max_num_records: ends the read; below 10,000, KafkaIO reads all partitions in one split, so that it
                does not matter in which of them the records lie.
            max_read_time_s: ends the read in any case.
        """
        super().__init__()
        self._read = ReadFromKafka(
            consumer_config={
                "bootstrap.servers": kafka.broker_servers,
                "group.id": kafka.group_id,
                "auto.offset.reset": "earliest",
                # Kafka's own default is true, and Beam's cross-language builder does not turn it off.
                "enable.auto.commit": "false",
                "isolation.level": "read_committed",
            },
            topics=[kafka.input_topic],
            with_metadata=True,
            max_num_records=max_num_records,
            max_read_time=max_read_time_s,
            expansion_service=expansion_service(kafka.expansion_service_jar),
        )

    def expand(self, begin: PBegin) -> PCollection:
        """Apply the read."""
        return begin | self._read


def write_outputs(outputs: MergeOutputs, kafka: KafkaSettings) -> None:
    """Wire every output of the graph to its topic; at least once, as WriteToKafka is."""

    def write(topic: str) -> WriteToKafka:
        return WriteToKafka(
            producer_config={"bootstrap.servers": kafka.broker_servers, "acks": "all"},
            topic=topic,
            expansion_service=expansion_service(kafka.expansion_service_jar),
        )

    outputs.sync_requests | "WriteSyncRequests" >> write(kafka.sync_topic)
    outputs.follow_ups | "WriteFollowUps" >> write(kafka.input_topic)
    outputs.failed | "WriteFailedEvents" >> write(kafka.failed_topic)
