"""Passwords from files or from the environment reach Kafka and Cassandra, and are seen nowhere else."""

from __future__ import annotations

import dataclasses
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from hamcrest import assert_that, contains_string, equal_to, has_length, is_not, less_than, matches_regexp

from faults.cluster import LocalCluster, is_drained, wait_until
from faults.events import message
from faults.job import Job
from faults.memory_tables import ACTIVITY_AGG, ENROLMENTS, LEDGER, MERGE_LOG
from pipeline import tables
from pipeline.__main__ import main
from pipeline.configuration.errors import ConfigError
from pipeline.configuration.settings import resolve
from pipeline.configuration.variables import Settings
from pipeline.kafka import clients
from pipeline.kafka.topics import check_topics
from pipeline.run import check_tables
from tests.security.conftest import MakeSecureJob
from tests.security.services import (
    CASSANDRA_PASSWORD,
    KAFKA_PASSWORD,
    REPLAYER,
    SECRETS,
    SUPPORT,
    USER,
    SecureServices,
)
from tests.support.bundles import MakeLogMerges, merges_again
from tests.support.commands import run_when_published
from tests.support.gate import Gate
from tests.support.large_rows import check_large_rows
from tests.support.tables import Tables
from transforms.store.merge_history import HISTORY_TABLE

FROM, TO = "account-that-is-left", "account-that-stays"
REFUSED = "(uthentication failed|login is refused)"
"""The second where the client sees the connection closed before it has read why."""

RETRIED_FOR_S = 60
"""What may pass is retried for so long: cassandra.retry.seconds."""

NO_TLS = ("--kafka_ssl_ca_file=", "--kafka_ssl_certificate_file=", "--kafka_ssl_key_file=")
NO_LOGIN = ("--kafka_sasl_username=", "--kafka_sasl_password_file=")
NO_CASSANDRA_TLS = tuple(option.replace("kafka", "lms_cassandra") for option in NO_TLS)
REST_PATHS = (
    *("/config", "/jobmanager/config", "/jobmanager/environment", "/jobs/overview", "/jobs/{job}"),
    *("/jobs/{job}/config", "/jobs/{job}/plan", "/jobs/{job}/exceptions", "/jobs/{job}/checkpoints"),
)
IN_ENVIRONMENT = {"KAFKA_SASL_PASSWORD": KAFKA_PASSWORD, "LMS_CASSANDRA_PASSWORD": CASSANDRA_PASSWORD}


def _publish(job: Job) -> None:
    """One event that is merged, and one that fails."""
    enrolment = {"userid": FROM, "courseid": "c1", "batchid": "b1", "status": 1}
    job.insert({ENROLMENTS: [enrolment], ACTIVITY_AGG: []})
    # The log has the mid of each event; those of the platform have no account ids in them.
    event = message(FROM, TO) | {"mid": "LP.1648720639981.d6b1d8c8"}
    job.publish([event, {"eid": "BE_JOB_REQUEST", "mid": "malformed"}])


def _check_merged(job: Job) -> None:
    assert_that({row["userid"] for row in job.rows()[ENROLMENTS]}, equal_to({FROM, TO}))
    assert_that(job.sync_requests(), has_length(1))
    assert_that(job.failed(), has_length(1))
    assert_that(job.lag(), equal_to(0))


def _command_lines() -> Iterator[str]:
    for process in psutil.process_iter():
        try:
            yield " ".join(process.cmdline())
        except psutil.Error:  # it has ended meanwhile
            continue


def _check_hidden(places: Iterable[str], what: Iterable[str] = SECRETS) -> None:
    text = "\n".join(places)
    for secret in what:
        at = text.find(secret)
        assert_that(at, equal_to(-1), text[max(0, at - 200) : at + len(secret)])


def _run(job: Job, **environ: str) -> list[str]:
    """Run the command; returns its output and, again and again, the command lines of all processes meanwhile."""
    process = job.start(**environ)
    seen = set()
    while process.poll() is None:
        seen.update(_command_lines())
        time.sleep(0.2)
    output, _ = process.communicate()
    assert_that(process.returncode, equal_to(0), output)
    return [output, *seen]


def test_passwords_in_files_are_used_and_not_shown(
    make_job: MakeSecureJob, password_files: tuple[str, str]
) -> None:
    job = make_job(*password_files)
    _publish(job)

    shown = _run(job)

    _check_merged(job)
    _check_hidden([*shown, *map(str, job.failed())])
    _check_hidden(shown, (FROM, TO))


def test_passwords_in_the_environment_are_used_and_not_shown(make_job: MakeSecureJob) -> None:
    job = make_job("--kafka_sasl_mechanism=PLAIN")
    _publish(job)

    shown = _run(job, **IN_ENVIRONMENT)

    _check_merged(job)
    _check_hidden([*shown, *map(str, job.failed())])


def test_a_replay_logs_in_too_as_another_user(make_job: MakeSecureJob, password_files: tuple[str, str]) -> None:
    job = make_job(*password_files)
    _publish(job)
    _run(job)
    kafka = [option for option in job.options if option.startswith("--kafka_")]

    replayed = job.replay(*kafka, f"--kafka_sasl_username={REPLAYER}", "--error_code=all")

    assert_that(replayed.exit_code, equal_to(0), replayed.errors)
    assert_that(job.lag(), equal_to(1))


def test_the_commands_of_operators_need_no_more_than_their_rights(
    make_job: MakeSecureJob, password_files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    job = make_job(*password_files)
    _publish(job)
    _run(job)
    cassandra = [option for option in job.argv if option.startswith("--lms_cassandra_")]
    kafka = [option for option in job.options if option.startswith("--kafka_")]
    kafka += [f"--env={job.env}", f"--kafka_broker_servers={job.services.kafka_address}"]
    cassandra.append(f"--lms_cassandra_username={SUPPORT}")
    kafka.append(f"--kafka_sasl_username={SUPPORT}")

    def run(command: str, *options: str) -> str:
        exit_code = main([command, *cassandra, *options])
        told = capsys.readouterr()
        assert_that(exit_code, equal_to(0), told.err)
        return told.out

    assert_that(run("preview", f"--from={FROM}", f"--to={TO}"), contains_string(TO))
    assert_that(run("history", f"--account={TO}"), contains_string(FROM))
    assert_that(run("verify", f"--account={TO}"), contains_string("all is as it should be"))
    job.session.execute(f"DELETE FROM {HISTORY_TABLE} WHERE userid = %s", (TO,))
    with ThreadPoolExecutor() as threads:
        merged = threads.submit(run_when_published, job, 0)
        assert_that(run("verify", "--topic", "--repair", *kafka), contains_string("all is as it should be"))
        merged.result()
    run("forget", f"--account={FROM}", "--apply")
    assert_that(list(job.session.execute(f"SELECT * FROM {HISTORY_TABLE}")), equal_to([]))


def test_who_may_create_tables_makes_those_of_the_job(
    make_job: MakeSecureJob, password_files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    job = make_job(*password_files)
    keyspace = job.session.keyspace
    for table in (LEDGER, MERGE_LOG):
        job.session.execute(f"DROP TABLE {keyspace}.{table}")
    argv = [option for option in job.argv if option.startswith("--lms_cassandra_")]

    with pytest.raises(ConfigError, match="has no CREATE permission"):
        tables.main([*argv, "--apply"])
    job.session.execute(f"GRANT CREATE ON KEYSPACE {keyspace} TO {USER}")
    assert_that(tables.main([*argv, "--apply"]), equal_to(0))

    assert_that(capsys.readouterr().out, contains_string(f"{LEDGER} is made in keyspace {keyspace}"))
    check_tables(resolve(job.argv, {}))


def test_what_is_not_granted_is_a_failed_event_that_says_so(
    make_job: MakeSecureJob, password_files: tuple[str, str], log_merges: MakeLogMerges
) -> None:
    job = make_job(*password_files)
    job.session.execute(f"REVOKE MODIFY ON {job.session.keyspace}.{MERGE_LOG} FROM {USER}")

    (failed,), took_s = log_merges(resolve(job.argv, {}).cassandra).bundle(1)

    assert_that(failed.error, matches_regexp(rf"no MODIFY permission on .*{MERGE_LOG}"))
    assert_that(took_s, less_than(RETRIED_FOR_S))


def _refusal(check: Callable[[Settings], None], argv: list[str]) -> str:
    with pytest.raises(ConfigError) as refusal:
        check(resolve(argv, {}))
    _check_hidden([str(refusal.value)])
    return str(refusal.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--kafka_sasl_password_file={wrong}"], REFUSED),
        (
            ["--kafka_sasl_mechanism=PLAIN", "--kafka_sasl_password_file={wrong}"],
            REFUSED,
        ),
        (["--kafka_ssl_ca_file={files.other_ca}"], "certificate verify failed"),
        (["--kafka_broker_servers=localhost:{port}"], "not valid for 'localhost'"),
        (["--kafka_ssl_certificate_file=", "--kafka_ssl_key_file="], "."),
        (["--kafka_security_protocol=SASL_PLAINTEXT", *NO_TLS], "."),
        (["--kafka_security_protocol=PLAINTEXT", *NO_TLS, *NO_LOGIN], "."),
    ],
    ids=["password", "PLAIN password", "authority", "host", "no certificate", "no TLS", "plaintext"],
)
def test_what_kafka_refuses_is_said_in_a_sentence(
    options: list[str],
    says: str,
    make_job: MakeSecureJob,
    password_files: tuple[str, str],
    secure: SecureServices,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The client asks again until then, whatever it is told.
    monkeypatch.setattr(clients, "_BOOTSTRAP_TIMEOUT_MS", 5_000)
    (tmp_path / "wrong").write_text("wrong")
    values = {"files": secure.files, "port": secure.settings.kafka_port, "wrong": tmp_path / "wrong"}
    argv = [*make_job(*password_files).argv, *(option.format(**values) for option in options)]

    refusal = _refusal(lambda settings: check_topics(settings.kafka), argv)

    assert_that(refusal, matches_regexp(rf"^kafka.broker-servers: \S+ cannot be used \(.*\): .*{says}"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--lms_cassandra_password_file={wrong}"], "username merger and/or password are incorrect"),
        (["--lms_cassandra_ssl_ca_file={files.other_ca}"], "certificate verify failed"),
        (["--lms_cassandra_ssl_certificate_file=", "--lms_cassandra_ssl_key_file="], "."),
        (["--lms_cassandra_ssl_enabled=off", *NO_CASSANDRA_TLS], "."),
    ],
    ids=["password", "authority", "no certificate", "plaintext"],
)
def test_what_cassandra_refuses_is_said_in_a_sentence(
    options: list[str],
    says: str,
    make_job: MakeSecureJob,
    password_files: tuple[str, str],
    secure: SecureServices,
    tmp_path: Path,
) -> None:
    (tmp_path / "wrong").write_text("wrong")
    values = {"files": secure.files, "wrong": tmp_path / "wrong"}
    argv = [*make_job(*password_files).argv, *(option.format(**values) for option in options)]

    refusal = _refusal(check_tables, argv)

    assert_that(refusal, matches_regexp(rf"^lms-cassandra.host: \S+ cannot be used \(.*\): .*{says}"))


def test_more_than_a_socket_takes_at_once_passes_through_tls(
    make_job: MakeSecureJob, password_files: tuple[str, str]
) -> None:
    settings = resolve(make_job(*password_files).argv, {})
    tables = Tables(settings.cassandra)
    try:
        check_large_rows(tables, FROM)
    finally:
        tables.close()


def test_logins_that_are_refused_for_a_while_are_an_outage_like_any_other(
    make_job: MakeSecureJob, password_files: tuple[str, str], secure: SecureServices, log_merges: MakeLogMerges
) -> None:
    gate = Gate(secure.settings.cassandra_port)
    cassandra = resolve(make_job(*password_files).argv, {}).cassandra
    log = log_merges(dataclasses.replace(cassandra, port=gate.port, retry_seconds=3))
    assert_that(log.bundle(1)[0], equal_to([]))
    try:
        secure.session.execute("ALTER ROLE %s WITH PASSWORD = %s", (USER, "another"))
        time.sleep(3)  # passwords are cached for 2 s
        gate.drop()
        failed, _ = log.bundle(20)
        assert_that(failed, has_length(20))
        # From then on only a new session can tell why, or help.
        wait_until(lambda: "are incorrect" in log.bundle(1)[0][0].error, timeout_s=60)
    finally:
        secure.session.execute("ALTER ROLE %s WITH PASSWORD = %s", (USER, CASSANDRA_PASSWORD))

    merges_again(log, within_s=60)
    assert_that(log.bundle(20)[0], equal_to([]))
    gate.close()


def test_a_wrong_password_ends_the_command_before_anything_starts(
    make_job: MakeSecureJob, password_files: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("wrong")
    job = make_job(*password_files, f"--kafka_sasl_password_file={tmp_path / 'wrong'}")

    process = job.start()
    output, _ = process.communicate(timeout=120)

    assert_that(output, matches_regexp(f"cannot be used .*{REFUSED}"))
    assert_that(process.returncode, equal_to(2))
    assert_that(output, is_not(contains_string("Traceback")))


@pytest.mark.usefixtures("ends_jobs")
def test_on_flink_no_secret_is_in_what_the_cluster_shows_logs_or_keeps(
    cluster: LocalCluster, make_job: MakeSecureJob, password_files: tuple[str, str], secure: SecureServices
) -> None:
    job = make_job(*password_files)
    of_job = dataclasses.replace(
        cluster,
        settings=dataclasses.replace(
            cluster.settings,
            kafka_port=secure.settings.kafka_port,
            cassandra_port=secure.settings.cassandra_port,
        ),
    )
    job_id = of_job.submit(job)
    _publish(job)
    command_lines = list(_command_lines())
    wait_until(lambda: is_drained(job))

    _check_merged(job)
    shown = [_rest(cluster, path.format(job=job_id)) for path in REST_PATHS]
    logs = [file.read_text(errors="replace") for file in cluster.settings.logs_dir.glob("*.log")]
    kept = [file.read_bytes().decode("latin-1") for file in _files(cluster.settings.data_dir / "data" / "flink")]
    assert_that("".join(shown), contains_string(job_id))
    assert_that("".join(logs), contains_string("sasl.jaas.config = [hidden]"))
    _check_hidden([*command_lines, *shown, *logs, *kept, *map(str, job.failed())])
    _check_hidden(logs, (FROM, TO))


def _rest(cluster: LocalCluster, path: str) -> str:
    with urllib.request.urlopen(f"{cluster.rest.url}{path}", timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
