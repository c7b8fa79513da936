"""The table of variables: names that belong together, and what each value may be."""

from dataclasses import fields
from pathlib import Path

import pytest
from cassandra import ConsistencyLevel

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.settings import resolve
from pipeline.configuration.variables import VARIABLES, KafkaSettings
from transforms.logs import LogSettings
from transforms.settings import CassandraSettings, MergeSettings
from transforms.variables import Variable

OPTIONS = {variable.option: variable for variable in VARIABLES}
OTHER_VALUES = {
    "env": ("staging", "staging"),
    "merge_events_per_second": ("2.5", 2.5),
    "max_num_records": ("7", 7),
    "max_read_time": ("2.5", 2.5),
    "kafka_broker_servers": ("k1:9092, k2:9093", "k1:9092,k2:9093"),
    "kafka_input_topic": ("in.topic", "in.topic"),
    "kafka_output_failed_topic": ("failed.topic", "failed.topic"),
    "kafka_groupId": ("a group", "a group"),
    "kafka_output_course_batch_updater_topic": ("sync.topic", "sync.topic"),
    "kafka_expansion_service_jar": (__file__, __file__),
    "kafka_security_protocol": ("sasl_ssl", "SASL_SSL"),
    "kafka_sasl_mechanism": ("plain", "PLAIN"),
    "kafka_sasl_username": ("merger", "merger"),
    "kafka_sasl_password_file": ("/run/secrets/kafka", "/run/secrets/kafka"),
    "kafka_ssl_ca_file": ("/run/kafka/ca.crt", "/run/kafka/ca.crt"),
    "kafka_ssl_certificate_file": ("/run/kafka/tls.crt", "/run/kafka/tls.crt"),
    "kafka_ssl_key_file": ("/run/kafka/tls.key", "/run/kafka/tls.key"),
    "lms_cassandra_host": ("c1, 10.0.0.2,::1", ("c1", "10.0.0.2", "::1")),
    "lms_cassandra_port": ("9142", 9142),
    "lms_cassandra_keyspace": ("Other_Courses", "other_courses"),
    "lms_cassandra_content_consumption_table": ("consumption2", "consumption2"),
    "lms_cassandra_user_enrolments_table": ("enrolments2", "enrolments2"),
    "lms_cassandra_user_activity_agg_table": ("agg2", "agg2"),
    "lms_cassandra_assessment_aggregator_table": ("attempts2", "attempts2"),
    "lms_cassandra_consistency_level": ("local_one", "LOCAL_ONE"),
    "lms_cassandra_local_dc": ("dc1", "dc1"),
    "lms_cassandra_username": ("merger", "merger"),
    "lms_cassandra_password_file": ("/run/secrets/cassandra", "/run/secrets/cassandra"),
    "lms_cassandra_ssl_enabled": ("on", True),
    "lms_cassandra_ssl_ca_file": ("/run/cassandra/ca.crt", "/run/cassandra/ca.crt"),
    "lms_cassandra_ssl_certificate_file": ("/run/cassandra/tls.crt", "/run/cassandra/tls.crt"),
    "lms_cassandra_ssl_key_file": ("/run/cassandra/tls.key", "/run/cassandra/tls.key"),
    "lms_cassandra_ssl_hostname_verification": ("off", False),
    "cassandra_retry_seconds": ("0", 0.0),
    "merge_ledger": ("off", False),
    "course_date_format": ("yyyy-MM-dd", "yyyy-MM-dd"),
    "course_batch_updater_action": ("user-enrolment-sync", "user-enrolment-sync"),
    "history_ttl_days": ("0", 0),
    "log_level": ("debug", "DEBUG"),
    "log_format": ("JSON", "json"),
}
"""For each variable a value that is not its default, as given and as parsed."""

FIELDS = {
    "env": "env",
    "merge_events_per_second": "events_per_second",
    "max_num_records": "max_num_records",
    "max_read_time": "max_read_time",
    "kafka_broker_servers": "kafka.broker_servers",
    "kafka_input_topic": "kafka.input_topic",
    "kafka_output_failed_topic": "kafka.failed_topic",
    "kafka_groupId": "kafka.group_id",
    "kafka_output_course_batch_updater_topic": "kafka.sync_topic",
    "kafka_expansion_service_jar": "kafka.expansion_service_jar",
    "kafka_security_protocol": "kafka.security_protocol",
    "kafka_sasl_mechanism": "kafka.sasl_mechanism",
    "kafka_sasl_username": "kafka.sasl_username",
    "kafka_sasl_password_file": "kafka.sasl_password_file",
    "kafka_ssl_ca_file": "kafka.ssl_ca_file",
    "kafka_ssl_certificate_file": "kafka.ssl_certificate_file",
    "kafka_ssl_key_file": "kafka.ssl_key_file",
    "lms_cassandra_host": "cassandra.hosts",
    "lms_cassandra_port": "cassandra.port",
    "lms_cassandra_keyspace": "cassandra.keyspace",
    "lms_cassandra_content_consumption_table": "cassandra.content_consumption_table",
    "lms_cassandra_user_enrolments_table": "cassandra.user_enrolments_table",
    "lms_cassandra_user_activity_agg_table": "cassandra.user_activity_agg_table",
    "lms_cassandra_assessment_aggregator_table": "cassandra.assessment_aggregator_table",
    "lms_cassandra_consistency_level": "cassandra.consistency_level",
    "lms_cassandra_local_dc": "cassandra.local_dc",
    "lms_cassandra_username": "cassandra.username",
    "lms_cassandra_password_file": "cassandra.password_file",
    "lms_cassandra_ssl_enabled": "cassandra.ssl_enabled",
    "lms_cassandra_ssl_ca_file": "cassandra.ssl_ca_file",
    "lms_cassandra_ssl_certificate_file": "cassandra.ssl_certificate_file",
    "lms_cassandra_ssl_key_file": "cassandra.ssl_key_file",
    "lms_cassandra_ssl_hostname_verification": "cassandra.ssl_hostname_verification",
    "cassandra_retry_seconds": "cassandra.retry_seconds",
    "merge_ledger": "merge.merge_ledger",
    "course_date_format": "merge.course_date_format",
    "course_batch_updater_action": "merge.course_batch_updater_action",
    "history_ttl_days": "merge.history_ttl_days",
    "log_level": "merge.log.level",
    "log_format": "merge.log.format",
}
"""The field of Settings that each variable ends in."""

SECURED = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_USERNAME": "someone",
    "KAFKA_SASL_PASSWORD_FILE": "/somewhere",
    "KAFKA_SSL_CERTIFICATE_FILE": "/somewhere",
    "KAFKA_SSL_KEY_FILE": "/somewhere",
    "LMS_CASSANDRA_USERNAME": "someone",
    "LMS_CASSANDRA_PASSWORD_FILE": "/somewhere",
    "LMS_CASSANDRA_SSL_ENABLED": "on",
    "LMS_CASSANDRA_SSL_CERTIFICATE_FILE": "/somewhere",
    "LMS_CASSANDRA_SSL_KEY_FILE": "/somewhere",
}
"""What each variable of a login or a certificate may not be without."""


def settings_field(option: str, argv: list[str], environ: dict[str, str]) -> object:
    value: object = resolve(argv, environ)
    for name in FIELDS[option].split("."):
        value = getattr(value, name)
    return value


def test_every_variable_and_every_field_is_covered_by_these_tables() -> None:
    assert set(OPTIONS) == set(OTHER_VALUES) == set(FIELDS)
    records = {
        "kafka": KafkaSettings,
        "cassandra": CassandraSettings,
        "merge": MergeSettings,
        "merge.log": LogSettings,
    }
    nested = {f"{name}.{field.name}" for name, record in records.items() for field in fields(record)} - {*records}
    assert {field for field in FIELDS.values() if "." in field} == nested


def test_every_variable_is_explained() -> None:
    assert [v.option for v in VARIABLES if not v.help] == []


def test_the_consistency_levels_are_all_that_the_driver_has_for_reads_and_writes() -> None:
    levels = [level for level in ConsistencyLevel.name_to_value if level not in {"ANY", "SERIAL", "LOCAL_SERIAL"}]
    taken = [
        settings_field("lms_cassandra_consistency_level", [f"--lms_cassandra_consistency_level={level}"], {})
        for level in levels
    ]
    assert taken == levels


def test_no_two_variables_share_an_option_a_key_or_an_environment_variable() -> None:
    for names in (
        [v.option for v in VARIABLES],
        [v.key for v in VARIABLES if v.key],
        [v.environment for v in VARIABLES if v.environment],
    ):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("option", "key", "environment"),
    [
        ("env", "job.env", "JOB_ENV"),
        ("kafka_broker_servers", "kafka.broker-servers", "KAFKA_BROKER_SERVERS"),
        ("kafka_input_topic", "kafka.input.topic", "KAFKA_INPUT_TOPIC"),
        ("kafka_groupId", "kafka.groupId", "KAFKA_GROUPID"),
        ("lms_cassandra_host", "lms-cassandra.host", "LMS_CASSANDRA_HOST"),
        (
            "lms_cassandra_content_consumption_table",
            "lms-cassandra.content_consumption.table",
            "LMS_CASSANDRA_CONTENT_CONSUMPTION_TABLE",
        ),
        ("max_num_records", None, None),
        ("max_read_time", None, None),
    ],
)
def test_the_names_of_a_variable(option: str, key: str | None, environment: str | None) -> None:
    assert (OPTIONS[option].key, OPTIONS[option].environment) == (key, environment)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda v: v.option)
def test_the_option_is_the_key_with_underscores(variable: Variable) -> None:
    if variable.key not in {None, "job.env"}:
        assert variable.option == str(variable.key).replace(".", "_").replace("-", "_")


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda v: v.option)
def test_an_option_reaches_its_field(variable: Variable) -> None:
    given, parsed = OTHER_VALUES[variable.option]
    assert settings_field(variable.option, [f"--{variable.option}", given], SECURED) == parsed
    assert settings_field(variable.option, [f"--{variable.option}={given}"], SECURED) == parsed


@pytest.mark.parametrize("variable", [v for v in VARIABLES if v.environment], ids=lambda v: v.option)
def test_an_environment_variable_reaches_its_field(variable: Variable) -> None:
    given, parsed = OTHER_VALUES[variable.option]
    assert settings_field(variable.option, [], {**SECURED, str(variable.environment): given}) == parsed


@pytest.mark.parametrize("variable", [v for v in VARIABLES if v.key], ids=lambda v: v.option)
def test_a_key_of_the_file_reaches_its_field(variable: Variable, tmp_path: Path) -> None:
    given, parsed = OTHER_VALUES[variable.option]
    others = {name: value for name, value in SECURED.items() if name != variable.environment}
    (tmp_path / "job.conf").write_text(f'{variable.key} = "{given}"\n')
    argv = ["--config_file", str(tmp_path / "job.conf")]
    assert settings_field(variable.option, argv, others) == parsed


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("env", "local"),
        ("merge_events_per_second", None),
        ("max_num_records", None),
        ("max_read_time", None),
        ("kafka_broker_servers", "localhost:9092"),
        ("kafka_input_topic", "local.lms.user.account.merge"),
        ("kafka_output_failed_topic", "local.learning.events.failed"),
        ("kafka_groupId", "local-merge-courses-group"),
        ("kafka_output_course_batch_updater_topic", "local.coursebatch.job.request"),
        ("kafka_expansion_service_jar", None),
        ("kafka_security_protocol", "PLAINTEXT"),
        ("kafka_sasl_mechanism", "SCRAM-SHA-512"),
        ("kafka_sasl_username", None),
        ("kafka_ssl_ca_file", None),
        ("lms_cassandra_ssl_enabled", False),
        ("lms_cassandra_ssl_ca_file", None),
        ("lms_cassandra_ssl_hostname_verification", True),
        ("lms_cassandra_host", ("localhost",)),
        ("lms_cassandra_port", 9042),
        ("lms_cassandra_keyspace", "sunbird_courses"),
        ("lms_cassandra_content_consumption_table", "user_content_consumption"),
        ("lms_cassandra_user_enrolments_table", "user_enrolments"),
        ("lms_cassandra_user_activity_agg_table", "user_activity_agg"),
        ("lms_cassandra_assessment_aggregator_table", "assessment_aggregator"),
        ("lms_cassandra_consistency_level", "LOCAL_QUORUM"),
        ("lms_cassandra_local_dc", None),
        ("lms_cassandra_username", None),
        ("lms_cassandra_password_file", None),
        ("cassandra_retry_seconds", 60.0),
        ("merge_ledger", True),
        ("course_date_format", "yyyy-MM-dd HH:mm:ss:SSSZ"),
        ("course_batch_updater_action", "batch-enrolment-sync"),
        ("history_ttl_days", 730),
        ("log_level", "INFO"),
        ("log_format", "text"),
    ],
)
def test_the_default(option: str, value: object) -> None:
    assert settings_field(option, [], {}) == value


TOPICS = ["kafka_input_topic", "kafka_output_failed_topic", "kafka_output_course_batch_updater_topic"]
NAMES = [option for option in OPTIONS if option.endswith(("_table", "_keyspace"))]


@pytest.mark.parametrize(
    ("option", "value", "instruction"),
    [
        *[("env", value, "give a name of letters") for value in ("", " ", "a b", "prod/eu")],
        *[
            (topic, value, "give a topic name of 1 to 249 letters, digits, '.', '_' and '-'")
            for topic in TOPICS
            for value in ("", "   ", "a topic", "topic/one", "{{stage}}.topic", ".", "..", "t" * 250, "thème")
        ],
        ("kafka_groupId", "", "give a value that is not blank"),
        ("kafka_groupId", " \t", "give a value that is not blank"),
        ("course_batch_updater_action", " ", "give a value that is not blank"),
        *[
            ("history_ttl_days", value, "give a whole number of days from 0 to 7300")
            for value in ("", "-1", "1.5", "7301", "2y")
        ],
        *[
            ("kafka_broker_servers", value, "give brokers as host:port, separated by commas")
            for value in ("", "localhost", "localhost:", ":9092", "a:1,", "a:1,,b:2", "a:port", "a:0")
        ],
        *[
            ("kafka_broker_servers", value, "give brokers as host:port, separated by commas")
            for value in ("a:65536", "http://a:9092", "9092:9092", "a b:9092")
        ],
        *[
            ("lms_cassandra_host", value, "give host names or addresses without a port, separated by commas")
            for value in ("", "9042", "localhost:9042", "a,", "a,,b", "http://a", "a b")
        ],
        *[
            ("lms_cassandra_port", value, "give a port, a whole number from 1 to 65535")
            for value in ("localhost", "", "0", "65536", "-1", "9042.0", "9_042", "٩٠٤٢", "123456789")
        ],
        *[
            (name, value, "give a CQL name: a letter, then at most 47 letters, digits and '_'")
            for name in NAMES
            for value in ("", "1st", "_hidden", "with-dash", "with space", 'quo"ted', "k.table", "t" * 49, "x;--")
            if (name, value) != ("lms_cassandra_assessment_aggregator_table", "")  # there need be none
        ],
        *[
            ("lms_cassandra_consistency_level", value, "give one of ONE, TWO, THREE, QUORUM, ALL, LOCAL_QUORUM")
            for value in ("", "MOST", "LOCAL QUORUM", "6", "ANY", "SERIAL", "LOCAL_SERIAL")
        ],
        *[
            ("cassandra_retry_seconds", value, "give a number of seconds, 0 or more")
            for value in ("-0.1", "nan", "inf", "", "a minute")
        ],
        *[
            ("merge_events_per_second", value, "give a number of events a second, 1 or more")
            for value in ("0", "0.9", "nan", "inf", "fast")
        ],
        *[("max_read_time", value, "give a number of seconds, 0 or more") for value in ("-1", "soon", "nan")],
        *[("max_read_time", value, "give a number of seconds above 0") for value in ("0", "0.0")],
        *[
            ("max_num_records", value, "give a whole number of at least 1")
            for value in ("0", "-1", "1.5", "1e3", "all", "00")
        ],
        ("kafka_security_protocol", "TLS", "give one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ("kafka_sasl_mechanism", "GSSAPI", "give one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
        *[
            (f"kafka_{name}_file", value, "give the path of a file, without ':', '{' and '}'")
            for name in ("sasl_password", "ssl_certificate", "ssl_key")
            for value in ("C:/secret", "/run/{{x}", "/run/}", "/run/secrets/")
        ],
        ("log_level", "TRACE", "give one of DEBUG, INFO, WARNING, ERROR"),
        ("log_format", "xml", "give one of text, json"),
        *[("merge_ledger", value, "give on or off") for value in ("", "yes", "1", "onn")],
        *[
            ("course_date_format", value, "give a pattern like 'yyyy-MM-dd HH:mm:ss:SSSZ'")
            for value in ("", "yyyy-QQ", "hello")
        ],
        ("kafka_expansion_service_jar", "/no/such.jar", "give the path of a file that exists"),
        ("kafka_expansion_service_jar", "/", "give the path of a file that exists"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence(option: str, value: str, instruction: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        resolve([f"--{option}={value}"], {})
    start = f"{OPTIONS[option].name} is {value.strip()!r} (from option --{option}): {instruction}"
    # A file that is given for a connection without TLS is refused in a sentence of its own.
    (line,) = [line for line in str(refusal.value).splitlines() if line.startswith(start)]
    assert line.endswith(".")


@pytest.mark.parametrize(
    ("option", "value", "parsed"),
    [
        ("kafka_input_topic", "t" * 249, "t" * 249),
        ("kafka_input_topic", "A.b_c-9", "A.b_c-9"),
        ("kafka_broker_servers", "[::1]:9092,k-1.svc_x:1", "[::1]:9092,k-1.svc_x:1"),
        ("lms_cassandra_host", "[2001:db8::1]", ("2001:db8::1",)),
        ("lms_cassandra_host", "1.node", ("1.node",)),
        ("lms_cassandra_port", "1", 1),
        ("lms_cassandra_port", "65535", 65535),
        ("lms_cassandra_keyspace", "k" * 48, "k" * 48),
        ("max_num_records", "1", 1),
        ("max_read_time", "0.1", 0.1),
        ("merge_ledger", "true", True),
        ("merge_ledger", "FALSE", False),
        ("merge_ledger", "ON", True),
        ("kafka_expansion_service_jar", "", None),
        ("lms_cassandra_local_dc", " ", None),
        ("max_num_records", "", None),
    ],
)
def test_a_value_at_the_edge_is_taken(option: str, value: str, parsed: object) -> None:
    assert settings_field(option, [f"--{option}={value}"], {}) == parsed
