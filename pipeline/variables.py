"""Every configuration variable, in one table that drives options, help, environment, file and validation."""

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cassandra import ConsistencyLevel

from transforms.rules.dates import TextDates

ENV_PLACEHOLDER = "{{env}}"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable and all that is known of it.

    Attributes:
        option: its option, without the dashes.
        key: its key in a configuration file; None where it can only be given as an option.
        default: its value, as text, where nobody gives one; empty for none.
        group: the heading it is shown under.
        help: what it is, in a few words.
        parse: turns its text into its value, or raises ValueError with what to give instead.
    """

    option: str
    key: str | None
    default: str
    group: str
    help: str
    parse: Callable[[str], Any]

    @property
    def name(self) -> str:
        """What messages call it: its key, or its option where it has no key."""
        return self.key or f"--{self.option}"

    @property
    def environment(self) -> str | None:
        """The environment variable that sets it; None where it can only be given as an option."""
        return None if self.key is None else re.sub(r"[.-]", "_", self.key).upper()


def _optional(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse_optional(text: str) -> Any:
        return parse(text) if text else None

    return parse_optional


def _matching(pattern: str, instruction: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(instruction)
        return text

    return parse


_env = _matching(r"[a-zA-Z0-9._-]+", "give a name of letters, digits, '.', '_' and '-', since topics contain it")
_not_blank = _matching(r"(?s).+", "give a value that is not blank")
_topic = _matching(
    r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}",
    "give a topic name of 1 to 249 letters, digits, '.', '_' and '-'",
)


def _host(text: str) -> str:
    """Returns `text` if it is a host name or an address; digits alone are a port in the wrong place."""
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        if re.fullmatch(r"(?!\d+$)[a-zA-Z0-9._-]+", text) is None:
            msg = "give host names or addresses without a port, separated by commas"
            raise ValueError(msg) from None
        return text


def _hosts(text: str) -> tuple[str, ...]:
    return tuple(_host(part.strip()) for part in text.split(","))


def _port(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text) is None or not 1 <= int(text) <= 65535:
        msg = "give a port, a whole number from 1 to 65535"
        raise ValueError(msg)
    return int(text)


def _brokers(text: str) -> str:
    brokers = [part.strip() for part in text.split(",")]
    try:
        for broker in brokers:
            host, _, port = broker.rpartition(":")
            _host(host)
            _port(port)
    except ValueError:
        msg = "give brokers as host:port, separated by commas"
        raise ValueError(msg) from None
    return ",".join(brokers)


def _cql_name(text: str) -> str:
    """Returns the name as Cassandra stores one that was created without quotes."""
    if re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]{0,47}", text) is None:
        msg = "give a CQL name: a letter, then at most 47 letters, digits and '_'"
        raise ValueError(msg)
    return text.lower()


def _consistency_level(text: str) -> str:
    # The others are for only reads, only writes or only conditional updates; the merge reads and writes.
    levels = [n for n in ConsistencyLevel.name_to_value if n not in {"ANY", "SERIAL", "LOCAL_SERIAL"}]
    if text.upper() not in levels:
        msg = f"give one of {', '.join(levels)}"
        raise ValueError(msg)
    return text.upper()


def _date_format(text: str) -> str:
    try:
        TextDates(text)
    except ValueError as e:
        msg = f"give a pattern like 'yyyy-MM-dd HH:mm:ss:SSSZ' ({e})"
        raise ValueError(msg) from e
    return text


def _existing_file(text: str) -> str:
    if not Path(text).is_file():
        msg = "give the path of a file that exists"
        raise ValueError(msg)
    return text


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.upper() not in choices:
            msg = f"give one of {', '.join(choices)}"
            raise ValueError(msg)
        return text.upper()

    return parse


_referenced_file = _matching(
    r"[^:{}]*[^:{}/]",
    "give the path of a file, without ':', '{' and '}', since a reference to it contains the path",
)
"""A file that Kafka's Java clients read through a config provider, wherever they run."""


def _switch(text: str) -> bool:
    switches = {"on": True, "true": True, "off": False, "false": False}
    if text.lower() not in switches:
        msg = "give on or off"
        raise ValueError(msg)
    return switches[text.lower()]


def _count(text: str) -> int:
    if re.fullmatch(r"0*[1-9][0-9]*", text) is None:
        msg = "give a whole number of at least 1"
        raise ValueError(msg)
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        msg = "give a number of seconds, 0 or more"
        raise ValueError(msg)
    return seconds


def _positive_seconds(text: str) -> float:
    seconds = _seconds(text)
    if seconds == 0:
        msg = "give a number of seconds above 0"
        raise ValueError(msg)
    return seconds


JOB_ENV = Variable("env", "job.env", "local", "Run", f"the environment's name; fills {ENV_PLACEHOLDER}", _env)

VARIABLES: tuple[Variable, ...] = (
    JOB_ENV,
    Variable("max_num_records", None, "", "Run", "end a local run after this many records", _optional(_count)),
    Variable(
        "max_read_time", None, "", "Run", "end a local run after this many seconds", _optional(_positive_seconds)
    ),
    Variable(
        "kafka_broker_servers",
        "kafka.broker-servers",
        "localhost:9092",
        "Kafka",
        "the brokers, as host:port, separated by commas",
        _brokers,
    ),
    Variable(
        "kafka_input_topic",
        "kafka.input.topic",
        "{{env}}.lms.user.account.merge",
        "Kafka",
        "where merge events are read, and follow-ups written",
        _topic,
    ),
    Variable(
        "kafka_output_failed_topic",
        "kafka.output.failed.topic",
        "{{env}}.learning.events.failed",
        "Kafka",
        "where events go that could not be processed",
        _topic,
    ),
    Variable(
        "kafka_groupId",
        "kafka.groupId",
        "{{env}}-merge-courses-group",
        "Kafka",
        "the consumer group, which keeps how far the input is read",
        _not_blank,
    ),
    Variable(
        "kafka_output_course_batch_updater_topic",
        "kafka.output.course.batch.updater.topic",
        "{{env}}.coursebatch.job.request",
        "Kafka",
        "where batch-enrolment-sync requests go",
        _topic,
    ),
    Variable(
        "kafka_expansion_service_jar",
        "kafka.expansion.service.jar",
        "",
        "Kafka",
        "the jar that brings Beam's Java KafkaIO; without it Beam downloads its own",
        _optional(_existing_file),
    ),
    Variable(
        "kafka_security_protocol",
        "kafka.security.protocol",
        "PLAINTEXT",
        "Kafka",
        "how to connect to the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
        _choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    ),
    Variable(
        "kafka_sasl_mechanism",
        "kafka.sasl.mechanism",
        "SCRAM-SHA-512",
        "Kafka",
        "how to log in with SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
        _choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    ),
    Variable(
        "kafka_sasl_username",
        "kafka.sasl.username",
        "",
        "Kafka",
        "the user to log in as with SASL",
        _optional(_not_blank),
    ),
    Variable(
        "kafka_sasl_password_file",
        "kafka.sasl.password_file",
        "",
        "Kafka",
        "the file, here and on the cluster, with the user's password; without it KAFKA_SASL_PASSWORD has it",
        _optional(_referenced_file),
    ),
    Variable(
        "kafka_ssl_ca_file",
        "kafka.ssl.ca_file",
        "",
        "Kafka",
        "the PEM file, here and on the cluster, with the authorities that sign brokers' certificates; without it "
        "those that Java and the system trust",
        _optional(_not_blank),
    ),
    Variable(
        "kafka_ssl_certificate_file",
        "kafka.ssl.certificate_file",
        "",
        "Kafka",
        "the PEM file, here and on the cluster, with the client's own certificate, for brokers that ask for one",
        _optional(_referenced_file),
    ),
    Variable(
        "kafka_ssl_key_file",
        "kafka.ssl.key_file",
        "",
        "Kafka",
        "the PEM file with its private key, as PKCS #8 and not encrypted",
        _optional(_referenced_file),
    ),
    Variable(
        "lms_cassandra_host",
        "lms-cassandra.host",
        "localhost",
        "Cassandra",
        "the nodes to connect to first, separated by commas",
        _hosts,
    ),
    Variable("lms_cassandra_port", "lms-cassandra.port", "9042", "Cassandra", "their CQL port", _port),
    Variable(
        "lms_cassandra_keyspace",
        "lms-cassandra.keyspace",
        "sunbird_courses",
        "Cassandra",
        "the keyspace of all tables",
        _cql_name,
    ),
    Variable(
        "lms_cassandra_content_consumption_table",
        "lms-cassandra.content_consumption.table",
        "user_content_consumption",
        "Cassandra",
        "progress of one content in one batch",
        _cql_name,
    ),
    Variable(
        "lms_cassandra_user_enrolments_table",
        "lms-cassandra.user_enrolments.table",
        "user_enrolments",
        "Cassandra",
        "enrolment in one batch",
        _cql_name,
    ),
    Variable(
        "lms_cassandra_user_activity_agg_table",
        "lms-cassandra.user_activity_agg.table",
        "user_activity_agg",
        "Cassandra",
        "per-course aggregates",
        _cql_name,
    ),
    Variable(
        "lms_cassandra_consistency_level",
        "lms-cassandra.consistency.level",
        "LOCAL_QUORUM",
        "Cassandra",
        "the consistency level of reads and writes",
        _consistency_level,
    ),
    Variable(
        "lms_cassandra_local_dc",
        "lms-cassandra.local.dc",
        "",
        "Cassandra",
        "the data centre whose nodes are used; without it that of the first node that answers",
        _optional(_not_blank),
    ),
    Variable(
        "lms_cassandra_username",
        "lms-cassandra.username",
        "",
        "Cassandra",
        "the user to log in as; without it nobody logs in",
        _optional(_not_blank),
    ),
    Variable(
        "lms_cassandra_password_file",
        "lms-cassandra.password_file",
        "",
        "Cassandra",
        "the file, on the workers, with the user's password; without it LMS_CASSANDRA_PASSWORD has it",
        _optional(_not_blank),
    ),
    Variable(
        "lms_cassandra_ssl_enabled",
        "lms-cassandra.ssl.enabled",
        "off",
        "Cassandra",
        "on: connect with TLS",
        _switch,
    ),
    Variable(
        "lms_cassandra_ssl_ca_file",
        "lms-cassandra.ssl.ca_file",
        "",
        "Cassandra",
        "the PEM file, on the workers, with the authorities that sign nodes' certificates; without it those that "
        "the system trusts",
        _optional(_not_blank),
    ),
    Variable(
        "lms_cassandra_ssl_certificate_file",
        "lms-cassandra.ssl.certificate_file",
        "",
        "Cassandra",
        "the PEM file, on the workers, with the client's own certificate, for nodes that ask for one",
        _optional(_not_blank),
    ),
    Variable(
        "lms_cassandra_ssl_key_file",
        "lms-cassandra.ssl.key_file",
        "",
        "Cassandra",
        "the PEM file with its private key, not encrypted",
        _optional(_not_blank),
    ),
    Variable(
        "lms_cassandra_ssl_hostname_verification",
        "lms-cassandra.ssl.hostname_verification",
        "on",
        "Cassandra",
        "off: accept a certificate that is for another host",
        _switch,
    ),
    Variable(
        "cassandra_retry_seconds",
        "cassandra.retry.seconds",
        "60",
        "Cassandra",
        "how long an error that may pass is retried before the event fails",
        _seconds,
    ),
    Variable(
        "merge_ledger",
        "merge.ledger",
        "on",
        "Merge",
        "on: count each view once, whatever is repeated; off: the plain sums of the reference",
        _switch,
    ),
    Variable(
        "course_date_format",
        "course.date.format",
        "yyyy-MM-dd HH:mm:ss:SSSZ",
        "Merge",
        "the Java pattern of the text dates",
        _date_format,
    ),
    Variable(
        "course_batch_updater_action",
        "course.batch.updater.action",
        "batch-enrolment-sync",
        "Merge",
        "the action written into batch-enrolment-sync requests",
        _not_blank,
    ),
)
