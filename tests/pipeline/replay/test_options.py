"""The options of a replay: which failed events, and the job's own variables."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.settings import resolve
from pipeline.replay.options import ReplayOptions, read_options
from pipeline.replay.selection import Selection

NOW = datetime(2026, 2, 1, 12, 0, 0, tzinfo=UTC)


def read(*argv: str, **environ: str) -> ReplayOptions:
    return read_options(argv, environ, NOW)


def refusal(*argv: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as refused:
        read(*argv, **environ)
    return str(refused.value)


def test_by_default_all_that_failed_in_cassandra_is_replayed() -> None:
    options = read()
    assert options.selection == Selection(frozenset({"DATA_ERROR"}), frozenset(), None, None)
    assert (options.dry_run, options.merge_ledger) == (False, True)


def test_brokers_and_topics_are_those_of_the_job(tmp_path: Path) -> None:
    file = tmp_path / "job.conf"
    file.write_text('kafka.output.failed.topic = "{{env}}.failed"\nmerge.ledger = off\n')
    argv = [f"--config_file={file}", "--env=staging", "--kafka_broker_servers=k:1"]
    environ = {"KAFKA_INPUT_TOPIC": "{{env}}.in"}

    options = read(*argv, **environ)

    assert options.kafka == resolve(argv, environ).kafka
    assert (options.kafka.failed_topic, options.kafka.input_topic) == ("staging.failed", "staging.in")
    assert options.merge_ledger is False


def test_what_is_wrong_with_variables_that_a_replay_does_not_need_is_no_obstacle(tmp_path: Path) -> None:
    file = tmp_path / "job.conf"
    file.write_text('lms-cassandra.username = merger\nkafka.expansion.service.jar = "/no/such.jar"\n')
    read(f"--config_file={file}", LMS_CASSANDRA_PORT="tcp://10.0.0.1:9042", KAFKA_EXPANSION_SERVICE_JAR="none")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90s", "2026-02-01T11:58:30+00:00"),
        ("30m", "2026-02-01T11:30:00+00:00"),
        ("2h", "2026-02-01T10:00:00+00:00"),
        ("7d", "2026-01-25T12:00:00+00:00"),
        ("2026-01-31T22:00:00Z", "2026-01-31T22:00:00+00:00"),
        ("2026-01-31T22:00Z", "2026-01-31T22:00:00+00:00"),
        ("2026-02-01T03:30:00.5+05:30", "2026-01-31T22:00:00.500000+00:00"),
    ],
)
def test_a_time_is_a_duration_before_now_or_iso_with_a_zone_and_is_kept_in_utc(text: str, time: str) -> None:
    since = read(f"--since={text}").selection.since
    until = read(f"--until={text}").selection.until
    assert since is not None
    assert until is not None
    assert since.isoformat() == until.isoformat() == time


TIME = "give a duration before now like 90s, 30m, 2h or 7d, or a time with its zone like 2026-01-31T22:00:00Z"


@pytest.mark.parametrize(
    "text", ["", "monday", "2", "2w", "-2h", "1.5h", "2026-01-31", "2026-13-01T00:00:00Z", "9999999d"]
)
@pytest.mark.parametrize("option", ["since", "until"])
def test_what_is_no_time_is_refused(option: str, text: str) -> None:
    assert refusal(f"--{option}={text}") == f"--{option} is {text!r}: {TIME}."


def test_a_time_without_its_zone_is_refused_and_not_guessed() -> None:
    sentence = "--since is '2026-01-31T22:00:00': add its time zone, as in 2026-01-31T22:00:00Z for UTC."
    assert refusal("--since=2026-01-31T22:00:00") == sentence


def test_times_that_are_the_wrong_way_round_are_refused() -> None:
    assert refusal("--since=1h", "--until=2h") == "--since 1h is not before --until 2h: exchange them."
    assert refusal("--since=1h", "--until=60m") == "--since 1h is not before --until 60m: exchange them."
    read("--since=2h", "--until=1h")


def test_codes_and_accounts_may_be_given_again() -> None:
    invalid = "ERR_MERGE_USER_COURSES_INVALID_EVENT"
    selection = read(
        f"--error_code={invalid}", "--error_code", "DATA_ERROR", "--account=a", "--account= b "
    ).selection
    assert selection.error_codes == {invalid, "DATA_ERROR"}
    assert selection.accounts == {"a", " b "}
    assert read(f"--error_code={invalid}").selection.error_codes == {invalid}
    assert read(f"--error_code={invalid}", "--error_code=all").selection.error_codes is None


def test_codes_and_accounts_that_cannot_be_are_refused() -> None:
    codes = "give DATA_ERROR, ERR_MERGE_USER_COURSES_INVALID_EVENT or all"
    assert refusal("--error_code=data_error") == f"--error_code is 'data_error': {codes}."
    assert refusal("--account= ") == "--account is ' ': give the id of an account."


def test_a_rate_is_a_number_of_events_a_second() -> None:
    assert read().per_second is None
    assert read("--rate=2.5").per_second == 2.5
    assert refusal("--rate=0") == "--rate is '0': give a number of events a second, 1 or more."


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("--sinse=2h", "--sinse is not an option: did you mean --since?"),
        ("--dry-run", "--dry-run is not an option: did you mean --dry_run?"),
        ("--error-code=all", "--error-code is not an option: did you mean --error_code?"),
        ("--runner=FlinkRunner", "--runner is not an option: see --help."),
        ("--checkpointing_interval=1", "--checkpointing_interval is not an option: see --help."),
        (
            "--lms_cassandra_host=h",
            "--lms_cassandra_host is an option of the job that this command has no use for: leave it out.",
        ),
        ("stray", "'stray' belongs to no option: options start with --, see --help."),
        ("--since", "The command line cannot be read, argument --since: expected one argument: see --help."),
    ],
)
def test_an_unknown_option_is_refused_with_advice(argument: str, sentence: str) -> None:
    assert refusal(argument) == sentence


def test_the_value_of_an_unknown_option_is_not_repeated() -> None:
    assert "s3cret" not in refusal("--kafka_pasword=s3cret", "--since=x")
    assert "s3cret" not in refusal("--kafka_pasword", "s3cret")


def test_everything_wrong_is_told_at_once() -> None:
    told = refusal("--since=x", "--until=y", "--nope", "--kafka_input_topic=a b", KAFKA_BROKER_SERVERS="none")
    assert [line.partition(" ")[0] for line in told.splitlines()] == [
        *("--nope", "--since", "--until"),
        *("kafka.broker-servers", "kafka.input.topic"),
    ]


def test_one_topic_for_input_and_failed_events_is_refused() -> None:
    told = refusal("--kafka_input_topic=t", "--kafka_output_failed_topic=t")
    assert told.endswith("and so is kafka.output.failed.topic: give each a topic of its own.")


def test_help_works_in_the_program_and_says_what_is_replayed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.replay", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    for words in (
        "--dry_run",
        "--since TIME",
        "--kafka_output_failed_topic",
        "DATA_ERROR",
        "exit codes: 0 done, 1",
    ):
        assert words in done.stdout
    assert "--lms_cassandra" not in done.stdout
