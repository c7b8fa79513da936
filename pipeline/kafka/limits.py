"""How large a record each topic takes: asked for before anything starts, and again on each worker."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from pipeline.configuration.variables import KafkaSettings
from pipeline.kafka.clients import connecting, python_client
from transforms.records import RecordLimits
from transforms.store.credentials import CredentialsError

_MAX_MESSAGE_BYTES = "max.message.bytes"

_log = logging.getLogger(__name__)


def limits_at_start(kafka: KafkaSettings) -> RecordLimits:
    """Ask for the limit of each topic that is written; Kafka's default for one that may not be described.

    Raises:
        ConfigError: if the brokers cannot be reached, or refuse the login.
        CredentialsError: if a password or certificate cannot be used on this machine.
    """
    with connecting(kafka):
        return read_limits(kafka, RecordLimits())


def read_limits(kafka: KafkaSettings, otherwise: RecordLimits) -> RecordLimits:
    """Ask for the limit of each topic that is written.

    Args:
        kafka: broker and topics.
        otherwise: the limits of topics whose configuration this user may not see (DescribeConfigs).

    Raises:
        KafkaError: if the brokers cannot be reached, or refuse the login.
        CredentialsError: if a password or certificate cannot be used on this machine.
    """
    topics = {kafka.sync_topic, kafka.input_topic, kafka.failed_topic}
    admin = KafkaAdminClient(**python_client(kafka))
    try:
        described = admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, [_MAX_MESSAGE_BYTES]) for topic in topics],
            config_filter="all",
        )
    finally:
        admin.close()

    def limit(topic: str, otherwise: int) -> int:
        config = described.get("topic", {}).get(topic, {})
        if _MAX_MESSAGE_BYTES in config:
            return int(config[_MAX_MESSAGE_BYTES]["value"])
        _log.warning(
            "What the topic takes cannot be read without DescribeConfigs on it: %d bytes are taken for %s.",
            otherwise,
            topic,
        )
        return otherwise

    return RecordLimits(
        sync_requests=limit(kafka.sync_topic, otherwise.sync_requests),
        follow_ups=limit(kafka.input_topic, otherwise.follow_ups),
        failed=limit(kafka.failed_topic, otherwise.failed),
    )


@dataclass(frozen=True, slots=True)
class LimitsOnWorker:
    """Reads the limits on a worker; it travels in the job, and holds no secret.

    A limit that is lowered while the job runs makes a write fail, whereupon the runner starts the work anew and so
    asks again. One that is raised counts from the next submission on, whose producers are made for it.
    """

    kafka: KafkaSettings
    at_start: RecordLimits

    def __call__(self) -> RecordLimits:
        """The limits of now; those of the start where the brokers do not tell."""
        start = self.at_start
        try:
            now = read_limits(self.kafka, start)
        except (KafkaError, CredentialsError) as e:
            _log.warning("The topics' limits cannot be read here, those of the submission are taken: %s", e)
            return start
        return RecordLimits(
            sync_requests=min(start.sync_requests, now.sync_requests),
            follow_ups=min(start.follow_ups, now.follow_ups),
            failed=min(start.failed, now.failed),
        )
