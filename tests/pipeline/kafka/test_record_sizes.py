"""Records as large as a topic takes by our reckoning, on a real one: it takes them."""

from __future__ import annotations

import random
import uuid

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from local.service import Service
from local.settings import LocalSettings
from transforms.elements import FailedEvent, Source
from transforms.format_failed_events import DATA_ERROR, failed_record
from transforms.records import BROKER_DEFAULT

NOISE = random.Random(1).randbytes(2_000_000)


@pytest.mark.parametrize("limit", [20_000, BROKER_DEFAULT])
@pytest.mark.parametrize("codec", ["producer", "gzip", "snappy", "lz4", "zstd"])
def test_a_record_that_was_cut_is_taken_whatever_the_topic_compresses_with(
    codec: str, limit: int, settings: LocalSettings, kafka_service: Service
) -> None:
    assert kafka_service.is_running()
    topic = f"t{uuid.uuid4().hex[:12]}"
    configs = {"compression.type": codec, "max.message.bytes": str(limit)}
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_address)
    try:
        admin.create_topics([NewTopic(topic, 1, 1, topic_configs=configs)])
    finally:
        admin.close()
    record = failed_record(FailedEvent(DATA_ERROR, "Why", Source("in", 0, 7, 1), NOISE), limit)
    assert record is not None
    key, value = record

    producer = KafkaProducer(bootstrap_servers=settings.kafka_address, max_request_size=2 * limit)
    try:
        producer.send(topic, value, key=key).get(60)
    finally:
        producer.close()
