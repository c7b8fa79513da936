"""Where a value comes from, what does not go together, and what --print_config shows."""

import itertools
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.settings import read_configuration, resolve
from pipeline.configuration.show import print_config
from pipeline.configuration.variables import VARIABLES

TOPIC = "kafka.input.topic"
SOURCES = ("option", "environment", "file", "default")


def refusal(argv: list[str], environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        resolve(argv, environ or {})
    return str(refused.value)


def shown(argv: list[str], environ: dict[str, str] | None = None, *, width: int = 200) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        print_config(read_configuration(argv, environ or {}), console)
    return capture.get()


def row(table: str, name: str) -> list[str]:
    (line,) = [line for line in table.splitlines() if line.startswith(f"│ {name} ")]
    return [cell.strip() for cell in line.strip("│").split("│")]


def given_by(sources: tuple[str, ...], folder: Path) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment in which each of `sources` gives the topic its own name."""
    argv = ["--kafka_input_topic=by.option"] if "option" in sources else []
    environ = {"KAFKA_INPUT_TOPIC": "by.environment"} if "environment" in sources else {}
    if "file" in sources:
        (folder / "job.conf").write_text("kafka.input.topic = by.file\n")
        argv += [f"--config_file={folder / 'job.conf'}"]
    return argv, environ


@pytest.mark.parametrize(
    "sources",
    [chosen for n in range(4) for chosen in itertools.combinations(SOURCES[:3], n)],
    ids=lambda sources: "+".join(sources) or "none",
)
def test_option_goes_before_environment_before_file_before_default(
    sources: tuple[str, ...], tmp_path: Path
) -> None:
    argv, environ = given_by(sources, tmp_path)
    winner = next(source for source in SOURCES if source in (*sources, "default"))
    expected = {
        "option": ("by.option", "option --kafka_input_topic"),
        "environment": ("by.environment", "environment KAFKA_INPUT_TOPIC"),
        "file": ("by.file", f"file {tmp_path / 'job.conf'}"),
        "default": ("local.lms.user.account.merge", "default"),
    }[winner]
    assert resolve(argv, environ).kafka.input_topic == expected[0]
    assert row(shown(argv, environ), TOPIC) == [TOPIC, *expected]


@pytest.mark.parametrize("sources", [("environment", "file"), ("option", "environment", "file")])
def test_an_empty_value_hides_those_behind_it(sources: tuple[str, ...], tmp_path: Path) -> None:
    argv, environ = given_by(sources, tmp_path)
    first = sources[0]
    argv = ["--kafka_input_topic=" if "--kafka" in argument else argument for argument in argv]
    environ = environ if first == "option" else {"KAFKA_INPUT_TOPIC": ""}
    assert f"kafka.input.topic is '' (from {first} " in refusal(argv, environ)


def test_an_option_can_unset_what_the_file_sets(tmp_path: Path) -> None:
    (tmp_path / "job.conf").write_text("lms-cassandra.local.dc = dc1\n")
    argv = ["--config_file", str(tmp_path / "job.conf")]
    assert resolve(argv, {}).cassandra.local_dc == "dc1"
    assert resolve([*argv, "--lms_cassandra_local_dc="], {}).cassandra.local_dc is None


@pytest.mark.parametrize("source", SOURCES)
def test_env_fills_its_placeholder_wherever_both_come_from(source: str, tmp_path: Path) -> None:
    (tmp_path / "job.conf").write_text(
        "\n".join(['kafka.groupId = "{{env}}/{{env}} group"', *(["job.env = prod"] if source == "file" else [])])
    )
    argv = [f"--config_file={tmp_path / 'job.conf'}", "--course_batch_updater_action={{env}}-sync"]
    argv += ["--env=prod"] if source == "option" else []
    environ = {"KAFKA_OUTPUT_FAILED_TOPIC": "{{env}}.failed"}
    environ |= {"JOB_ENV": "prod"} if source == "environment" else {}
    env = "local" if source == "default" else "prod"
    settings = resolve(argv, environ)
    assert settings.env == env
    assert settings.kafka.input_topic == f"{env}.lms.user.account.merge"
    assert settings.kafka.group_id == f"{env}/{env} group"
    assert settings.kafka.failed_topic == f"{env}.failed"
    assert settings.merge.course_batch_updater_action == f"{env}-sync"


def test_only_env_is_a_placeholder() -> None:
    assert "kafka.input.topic is '{{stage}}.x'" in refusal(["--kafka_input_topic={{stage}}.x"])
    assert resolve(["--kafka_input_topic=__env__.x"], {}).kafka.input_topic == "__env__.x"


def test_spaces_around_a_value_are_no_part_of_it() -> None:
    assert resolve(["--kafka_input_topic= a "], {"LMS_CASSANDRA_PORT": " 9043\n"}).cassandra.port == 9043
    assert resolve(["--kafka_input_topic= a "], {}).kafka.input_topic == "a"


def test_all_problems_are_told_at_once_each_with_its_variable_and_its_source(tmp_path: Path) -> None:
    (tmp_path / "job.conf").write_text('kafka.groupId = ""\nlms-cassandra { port = localhost, host = 9042 }')
    message = refusal(
        [f"--config_file={tmp_path / 'job.conf'}", "--kafka_groupid=x", "--lms_cassandra_keyspace=a b"],
        {"MERGE_LEDGER": "maybe"},
    )
    file = f"(from file {tmp_path / 'job.conf'})"
    expected = [
        "--kafka_groupid is not an option",
        f"kafka.groupId is '' {file}",
        f"lms-cassandra.host is '9042' {file}",
        f"lms-cassandra.port is 'localhost' {file}",
        "lms-cassandra.keyspace is 'a b' (from option --lms_cassandra_keyspace)",
        "merge.ledger is 'maybe' (from environment MERGE_LEDGER)",
    ]
    lines = message.splitlines()
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)


def test_a_file_that_cannot_be_read_does_not_hide_other_problems(tmp_path: Path) -> None:
    lines = refusal([f"--config_file={tmp_path / 'none.conf'}", "--lms_cassandra_port=x"]).splitlines()
    assert [line.split()[0] for line in lines] == ["--config_file", "lms-cassandra.port"]


TOPICS = {
    "kafka_input_topic": "kafka.input.topic",
    "kafka_output_failed_topic": "kafka.output.failed.topic",
    "kafka_output_course_batch_updater_topic": "kafka.output.course.batch.updater.topic",
}
TABLES = {
    "lms_cassandra_content_consumption_table": "lms-cassandra.content_consumption.table",
    "lms_cassandra_user_enrolments_table": "lms-cassandra.user_enrolments.table",
    "lms_cassandra_user_activity_agg_table": "lms-cassandra.user_activity_agg.table",
    "lms_cassandra_assessment_aggregator_table": "lms-cassandra.assessment_aggregator.table",
}


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        *(("topic", *pair) for pair in itertools.combinations(TOPICS, 2)),
        *(("table", *pair) for pair in itertools.combinations(TABLES, 2)),
    ],
)
def test_no_topic_and_no_table_is_used_twice(kind: str, one: str, other: str) -> None:
    keys = {**TOPICS, **TABLES}
    assert refusal([f"--{one}=same", f"--{other}=same"]) == (
        f"{keys[one]} is 'same' (from option --{one}), and so is {keys[other]}: give each a {kind} of its own."
    )


def test_there_may_be_no_table_of_attempts() -> None:
    assert (
        resolve(["--lms_cassandra_assessment_aggregator_table="], {}).cassandra.assessment_aggregator_table is None
    )


def test_tables_that_differ_only_in_case_are_the_same() -> None:
    message = refusal(["--lms_cassandra_user_activity_agg_table=USER_Enrolments"])
    assert "lms-cassandra.user_enrolments.table is 'user_enrolments' (from default), and so is " in message


def test_the_three_tables_may_be_named_like_the_keyspace() -> None:
    assert resolve(["--lms_cassandra_keyspace=user_enrolments"], {}).cassandra.keyspace == "user_enrolments"


SASL = ["--kafka_security_protocol=SASL_SSL"]
LOGINS = [("lms-cassandra", "LMS_CASSANDRA", []), ("kafka.sasl", "KAFKA_SASL", SASL)]
"""Of each login: what its keys start with, what its variables start with, and the options that it needs."""

logins = pytest.mark.parametrize(("key", "variable", "options"), LOGINS, ids=[login[0] for login in LOGINS])


@logins
@pytest.mark.parametrize("password", [None, ""], ids=["unset", "empty"])
def test_a_username_needs_a_password(key: str, variable: str, options: list[str], password: str | None) -> None:
    environ = {} if password is None else {f"{variable}_PASSWORD": password}
    assert refusal([f"--{variable.lower()}_username=merger", *options], environ) == (
        f"{key}.username is 'merger' (from option --{variable.lower()}_username) without a password: "
        f"set {key}.password_file or the environment variable {variable}_PASSWORD."
    )


@logins
def test_a_password_needs_a_username(key: str, variable: str, options: list[str]) -> None:
    assert (
        f"{key}.username is not set, but the environment variable {variable}_PASSWORD is: set both or neither."
        in refusal(options, {f"{variable}_PASSWORD": "secret"})
    )
    assert (
        f"{key}.username is not set, but {key}.password_file "
        f"(from environment {variable}_PASSWORD_FILE) is: set both or neither."
    ) in refusal(options, {f"{variable}_PASSWORD_FILE": "/p"})


@logins
@pytest.mark.parametrize("given", [("FILE",), ("SECRET",), ("FILE", "SECRET")])
def test_a_whole_login_is_taken_and_no_settings_hold_the_password(
    key: str, variable: str, options: list[str], given: tuple[str, ...]
) -> None:
    environ = {f"{variable}_PASSWORD_FILE": "/on/the/workers/only"} if "FILE" in given else {}
    environ |= {f"{variable}_PASSWORD": "secret"} if "SECRET" in given else {}
    settings = resolve([f"--{variable.lower()}_username=merger", *options], environ)
    assert "merger" in (settings.cassandra.username, settings.kafka.sasl_username), key
    assert "secret" not in repr(settings)


@logins
def test_no_sentence_holds_the_password(key: str, variable: str, options: list[str]) -> None:
    environ = {f"{variable}_PASSWORD": "secret", "LMS_CASSANDRA_PORT": "x"}
    assert "secret" not in refusal([f"--{variable.lower()}_password=secret", *options], environ), key
    assert "secret" not in refusal([f"--{variable.lower()}_password", "secret", *options], environ)


@logins
def test_a_password_in_the_file_is_not_read(key: str, variable: str, options: list[str], tmp_path: Path) -> None:
    (tmp_path / "job.conf").write_text(f"{key} {{ username = u, password = secret }}")
    message = refusal([f"--config_file={tmp_path / 'job.conf'}", *options])
    assert variable in message
    assert "without a password" in message
    assert "secret" not in message


def test_connections_with_sasl_need_a_user() -> None:
    assert refusal(SASL) == (
        "kafka.security.protocol is 'SASL_SSL' (from option --kafka_security_protocol) without a user: "
        "set kafka.sasl.username."
    )


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (
            ["--kafka_sasl_username=merger", "--kafka_sasl_password_file=/p", "--kafka_security_protocol=SSL"],
            "kafka.sasl.username cannot be used, since kafka.security.protocol is 'SSL' "
            "(from option --kafka_security_protocol): set that to SASL_SSL.",
        ),
        (
            ["--kafka_ssl_ca_file=/ca", "--kafka_ssl_certificate_file=/c", "--kafka_ssl_key_file=/k"],
            "kafka.ssl.ca_file and kafka.ssl.certificate_file and kafka.ssl.key_file cannot be used, since "
            "kafka.security.protocol is 'PLAINTEXT' (from default): set that to SASL_SSL or SSL.",
        ),
        (
            ["--lms_cassandra_ssl_ca_file=/ca"],
            "lms-cassandra.ssl.ca_file cannot be used, since lms-cassandra.ssl.enabled is 'off' (from default): "
            "set that to on.",
        ),
        (
            ["--kafka_security_protocol=SSL", "--kafka_ssl_certificate_file=/c"],
            "kafka.ssl.certificate_file is '/c' (from option --kafka_ssl_certificate_file) without "
            "kafka.ssl.key_file: set both or neither.",
        ),
        (
            ["--lms_cassandra_ssl_enabled=on", "--lms_cassandra_ssl_key_file=/k"],
            "lms-cassandra.ssl.key_file is '/k' (from option --lms_cassandra_ssl_key_file) without "
            "lms-cassandra.ssl.certificate_file: set both or neither.",
        ),
    ],
)
def test_what_would_not_secure_anything_is_refused(argv: list[str], sentence: str) -> None:
    assert refusal(argv) == sentence


def test_print_config_shows_every_variable_once_and_in_groups() -> None:
    table = shown(["--max_num_records=5"])
    for variable in VARIABLES:
        assert row(table, variable.name)[0] == variable.name
    assert row(table, "--max_num_records") == ["--max_num_records", "5", "option --max_num_records"]
    assert sum(line.startswith("├") for line in table.splitlines()) == len({v.group for v in VARIABLES}) - 1


def test_print_config_shows_values_as_they_are_used() -> None:
    table = shown(["--env=prod", "--kafka_broker_servers=[::1]:9092"])
    assert row(table, "kafka.groupId") == ["kafka.groupId", "prod-merge-courses-group", "default"]
    assert row(table, "kafka.broker-servers")[1] == "[::1]:9092"
    assert row(shown(["--kafka_groupId=[red]group"]), "kafka.groupId")[1] == "[red]group"


def test_print_config_shows_wrong_values_too() -> None:
    assert row(shown(["--lms_cassandra_port=localhost"]), "lms-cassandra.port")[1] == "localhost"


@logins
def test_print_config_masks_the_password(key: str, variable: str, options: list[str]) -> None:
    table = shown([f"--{variable.lower()}_username=merger", *options], {f"{variable}_PASSWORD": "secret"})
    assert row(table, "the password") == ["the password", "****", f"environment {variable}_PASSWORD"], key
    assert "secret" not in table


@logins
def test_print_config_says_from_which_file_the_password_is_read(
    key: str, variable: str, options: list[str], tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("secret")
    argv = [f"--{variable.lower()}_username=merger", f"--{variable.lower()}_password_file={tmp_path / 'password'}"]
    table = shown([*argv, *options], {f"{variable}_PASSWORD": "other secret"})
    assert row(table, "the password")[1] == f"read from {tmp_path / 'password'}", key
    assert "secret" not in table


def test_print_config_says_nothing_of_a_password_where_there_is_none() -> None:
    assert "the password" not in shown([])


def test_print_config_cuts_nothing_off_in_a_narrow_terminal() -> None:
    topic = "§" * 200
    table = shown([f"--kafka_input_topic={topic}"], width=80)
    assert table.count("§") == 200
    for variable in VARIABLES:
        assert row(table, variable.name)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("batch-enrolment-sync", "nobody takes batch-enrolment-sync"),
        ("user-enrolment-sync", "The enrolment-reconciliation job takes user-enrolment-sync"),
        ("another", "Nothing of the platform is known to take another"),
    ],
)
def test_print_config_says_who_reads_the_requests(action: str, said: str) -> None:
    assert said in shown([f"--course_batch_updater_action={action}"])
