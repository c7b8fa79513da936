"""The topics and the consumer group of the job, in a local Kafka."""

from __future__ import annotations

from kafka import KafkaAdminClient

from local.settings import LocalSettings

INPUT_TOPIC = "local.lms.user.account.merge"
FAILED_TOPIC = "local.learning.events.failed"
SYNC_TOPIC = "local.coursebatch.job.request"
GROUP = "local-merge-courses-group"

_PARTITIONS = {INPUT_TOPIC: 2, FAILED_TOPIC: 1, SYNC_TOPIC: 1}
"""The input topic has as many as in production, so that order across partitions is nowhere taken for granted."""


def create(settings: LocalSettings) -> None:
    """Create the topics that are missing."""
    client = KafkaAdminClient(bootstrap_servers=settings.kafka_address)
    try:
        existing = set(client.list_topics())
        missing = {topic: {"num_partitions": n} for topic, n in _PARTITIONS.items() if topic not in existing}
        if missing:
            client.create_topics(missing, wait_for_metadata=True)
    finally:
        client.close()
