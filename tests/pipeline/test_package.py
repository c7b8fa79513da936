"""The packaged job: what is refused, and what is in the jar; that it runs is tested in tests/flink."""

from __future__ import annotations

import base64
import bz2
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hamcrest import assert_that, equal_to, has_entries, has_items, has_key, not_, starts_with

from local import jars
from local.settings import PROJECT, LocalSettings
from pipeline.__main__ import main
from pipeline.flink.jars import BEAM_SERVERS
from pipeline.flink.job import ENTRY_CLASS


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "--output is not given: name the jar that is to be written."),
        (
            ["--output=job.jar", "--parallelism=2"],
            "--parallelism is no part of a packaged job, since the cluster's",
        ),
        (
            ["--output=job.jar", "--savepoint_path=s"],
            "--savepoint_path is no part of a packaged job, since whoever",
        ),
        (["--output=job.jar", "--flink_master=a:1"], "--flink_master is no part of a packaged job, since the job"),
        (["--output=job.jar"], "--flink_job_server_jar is not given: give the flink-job-server.jar of a folder"),
        (
            ["--output=job.jar", "--flink_job_server_jar=/none/x.jar"],
            "--flink_job_server_jar is /none/x.jar: give",
        ),
    ],
)
def test_what_is_no_part_of_a_package_or_is_missing_is_refused(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_that(main(["package", *options]), equal_to(2))
    assert_that(capsys.readouterr().err, starts_with(says))


def test_services_that_do_not_answer_or_a_folder_that_is_not_there_end_it(
    maven_jars: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = f"--output={tmp_path / 'job.jar'}", "--lms_cassandra_port=1"
    assert_that(main(["package", *maven_jars, *away]), equal_to(1))
    assert_that(capsys.readouterr().err, starts_with("lms-cassandra.host: localhost:1 cannot be used"))

    assert_that(main(["package", *maven_jars, "--output=/none/job.jar", "--skip_checks"]), equal_to(2))
    assert_that(capsys.readouterr().err, starts_with("--output: /none/job.jar cannot be written: "))


def test_the_jar_has_the_job_and_all_it_runs_on_and_no_secret(
    maven_jars: list[str], maven: LocalSettings, tmp_path: Path
) -> None:
    password_file = tmp_path / "password"
    password_file.write_text("of-kafka-9f1c")
    job = tmp_path / "job.jar"
    command = [
        *(sys.executable, "-m", "pipeline", "package", f"--output={job}", "--skip_checks", *maven_jars),
        *("--env=staging", "--kafka_security_protocol=SASL_SSL", "--kafka_sasl_username=merger-of-kafka"),
        *(f"--kafka_sasl_password_file={password_file}", "--lms_cassandra_username=merger-of-cassandra"),
    ]

    ran = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "LMS_CASSANDRA_PASSWORD": "of-cassandra-5b2e"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert_that(ran.returncode, equal_to(0), ran.stderr)
    assert_that(ran.stdout, equal_to(""))
    assert_that(set(tmp_path.iterdir()), equal_to({job, password_file}))
    with zipfile.ZipFile(job) as archive:
        names = archive.namelist()
        texts = [text for name in names if "BEAM-PIPELINE" in name for text in _unwrapped(archive.read(name))]
    beam = (maven.jars_dir / "beam").glob("*.jar")
    assert_that(names, has_items(*(f"lib/{jar.name}" for jar in beam if jar.name not in BEAM_SERVERS)))
    assert_that(names, has_items(f"{ENTRY_CLASS.replace('.', '/')}.class"))
    for told in (b"merger-of-kafka", b"merger-of-cassandra", b"staging-merge-user-courses", b"sunbird_courses"):
        assert any(told in text for text in texts), told
    for secret in (b"of-kafka-9f1c", b"of-cassandra-5b2e"):
        assert not any(secret in text for text in texts), secret
    (options,) = (json.loads(text) for text in texts if b"beam:option:parallelism:v1" in text)
    assert_that(options, has_entries({"beam:option:parallelism:v1": "-1"}))
    assert_that(options, not_(has_key("beam:option:savepoint_path:v1")))


@pytest.fixture(scope="module")
def maven_jars(maven: LocalSettings) -> list[str]:
    """The options that name Beam's jars."""
    jars.resolve_all(maven, ["beam"])
    return [
        f"--kafka_expansion_service_jar={maven.expansion_service_jar}",
        f"--flink_job_server_jar={maven.flink_job_server_jar}",
    ]


def _unwrapped(data: bytes) -> Iterator[bytes]:
    """The bytes, and whatever is in them as base64 or compressed: Beam's pickles are both."""
    yield data
    for wrapped in re.findall(rb"[A-Za-z0-9+/]{16,}={0,2}", data):
        with suppress(ValueError):
            yield from _unwrapped(base64.b64decode(wrapped, validate=True))
    with suppress(OSError):
        yield from _unwrapped(bz2.decompress(data))
