"""Every configuration variable, each the field of the settings that it fills."""

from __future__ import annotations

import math
from pathlib import Path

from transforms.logs import LogSettings
from transforms.settings import CassandraSettings, MergeSettings
from transforms.variables import (
    Variable,
    check,
    host,
    matching,
    not_blank,
    one_of,
    optional,
    port,
    seconds,
    settings,
    variable,
    variables_of,
    whole,
)

ENV_PLACEHOLDER = "{{env}}"

KAFKA_PASSWORD_VARIABLE = "KAFKA_SASL_PASSWORD"  # noqa: S105 - the name of the variable, not a password

_env = matching(r"[a-zA-Z0-9._-]+", "give a name of letters, digits, '.', '_' and '-', since topics contain it")
_security_protocol = one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_sasl_mechanism = one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_topic = matching(
    r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}", "give a topic name of 1 to 249 letters, digits, '.', '_' and '-'"
)
_referenced_file = matching(
    r"[^:{}]*[^:{}/]",
    "give the path of a file, without ':', '{' and '}', since a reference to it contains the path",
)
"""A file that Kafka's Java clients read through a config provider, wherever they run."""


@check("give brokers as host:port, separated by commas")
def _brokers(text: str) -> str:
    brokers = [part.strip() for part in text.split(",")]
    for broker in brokers:
        name, _, number = broker.rpartition(":")
        host(name)
        port(number)
    return ",".join(brokers)


@check("give the path of a file that exists")
def _existing_file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError(text)
    return text


@check("give a whole number of at least 1")
def _count(text: str) -> int:
    return int(whole(r"0*[1-9][0-9]*", text))


@check("give a number of events a second, 1 or more")
def per_second(text: str) -> float:
    """Checks a pace."""
    if not 1 <= (number := float(text)) < math.inf:
        raise ValueError(text)
    return number


def _positive_seconds(text: str) -> float:
    if number := seconds(text):
        return number
    msg = "give a number of seconds above 0"
    raise ValueError(msg)


@settings
class KafkaSettings:
    """Where events are read and where results are written; says where secrets are, and holds none.

    Attributes:
        broker_servers: the brokers, as host:port, separated by commas
        input_topic: where merge events are read, and follow-ups written
        failed_topic: where events go that could not be processed
        group_id: the consumer group, which keeps how far the input is read
        sync_topic: where batch-enrolment-sync requests go
        expansion_service_jar: the jar that brings Beam's Java KafkaIO; without it Beam downloads its own
        security_protocol: how to connect to the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL
        sasl_mechanism: how to log in with SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
        sasl_username: the user to log in as with SASL
        sasl_password_file: the file, here and on the cluster, with the user's password; without it
            KAFKA_SASL_PASSWORD has it
        ssl_ca_file: the PEM file, here and on the cluster, with the authorities that sign brokers' certificates;
            without it those that Java and the system trust
        ssl_certificate_file: the PEM file, here and on the cluster, with the client's own certificate, for brokers
            that ask for one
        ssl_key_file: the PEM file with its private key, as PKCS #8 and not encrypted
    """

    broker_servers: str = variable("kafka.broker-servers", "localhost:9092", _brokers)
    input_topic: str = variable("kafka.input.topic", "{{env}}.lms.user.account.merge", _topic)
    failed_topic: str = variable("kafka.output.failed.topic", "{{env}}.learning.events.failed", _topic)
    group_id: str = variable("kafka.groupId", "{{env}}-merge-courses-group", not_blank)
    sync_topic: str = variable(
        "kafka.output.course.batch.updater.topic", "{{env}}.coursebatch.job.request", _topic
    )
    expansion_service_jar: str | None = variable("kafka.expansion.service.jar", "", optional(_existing_file))
    security_protocol: str = variable("kafka.security.protocol", "PLAINTEXT", _security_protocol)
    sasl_mechanism: str = variable("kafka.sasl.mechanism", "SCRAM-SHA-512", _sasl_mechanism)
    sasl_username: str | None = variable("kafka.sasl.username", "", optional(not_blank))
    sasl_password_file: str | None = variable("kafka.sasl.password_file", "", optional(_referenced_file))
    ssl_ca_file: str | None = variable("kafka.ssl.ca_file", "", optional(not_blank))
    ssl_certificate_file: str | None = variable("kafka.ssl.certificate_file", "", optional(_referenced_file))
    ssl_key_file: str | None = variable("kafka.ssl.key_file", "", optional(_referenced_file))

    @property
    def logs_in(self) -> bool:
        """Whether connections log in, with SASL."""
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")


@settings
class Settings:
    """Everything a run needs to know.

    Attributes:
        env: the environment's name; fills {{env}}
        events_per_second: take no more events than this from the input topic in a second, all of the job together;
            without it as many as can be merged
        max_num_records: end a local run after this many records
        max_read_time: end a local run after this many seconds
    """

    kafka: KafkaSettings
    cassandra: CassandraSettings
    merge: MergeSettings
    env: str = variable("job.env", "local", _env, option="env")
    events_per_second: float | None = variable("merge.events.per.second", "", optional(per_second))
    max_num_records: int | None = variable(None, "", optional(_count), option="max_num_records")
    max_read_time: float | None = variable(None, "", optional(_positive_seconds), option="max_read_time")
    beam_args: tuple[str, ...]


VARIABLES: tuple[Variable, ...] = (
    *variables_of(Settings, "Run").values(),
    *variables_of(KafkaSettings, "Kafka").values(),
    *variables_of(CassandraSettings, "Cassandra").values(),
    *variables_of(MergeSettings, "Merge").values(),
    *variables_of(LogSettings, "Log").values(),
)
JOB_ENV = VARIABLES[0]
KAFKA_CLIENT = tuple(v for v in VARIABLES if v.group == "Kafka" and v.option != "kafka_expansion_service_jar")
"""What a command needs that reads and writes topics by itself: what would start a JVM need not be there."""
