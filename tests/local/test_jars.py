"""The jars of each service are resolved by a pom of its own, once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hamcrest import assert_that, calling, contains_string, equal_to, raises

from local import jars
from local.errors import LocalError
from local.settings import LocalSettings
from pipeline.flink.jars import POM

COPY_A_JAR = """
for argument in "$@"; do case $argument in -DoutputDirectory=*) jars=${argument#*=};; esac; done
mkdir -p "$jars" && touch "$jars/a.jar"
"""


@pytest.fixture
def maven_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replaces Maven by a shell script that copies a jar, and has a line in this file for each run."""
    runs, mvn = tmp_path / "runs", tmp_path / "bin" / "mvn"
    mvn.parent.mkdir()
    mvn.write_text(f"#!/bin/sh\necho run >> {runs}\n{COPY_A_JAR}")
    mvn.chmod(0o755)
    monkeypatch.setenv("PATH", f"{mvn.parent}:/usr/bin:/bin")
    return runs


def test_nothing_is_resolved_twice(folder: LocalSettings, maven_runs: Path) -> None:
    for _ in range(2):
        jars.resolve_all(folder)
        assert_that(len(maven_runs.read_text().splitlines()), equal_to(len(jars.NAMES)))
    assert folder.expansion_service_jar.exists()
    assert folder.flink_job_server_jar.exists()


def test_who_wants_what_another_resolves_waits_for_it_and_says_so(
    folder: LocalSettings, maven_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor() as threads:
        for resolved in [threads.submit(jars.resolve_all, folder) for _ in range(3)]:
            resolved.result()

    assert_that(len(maven_runs.read_text().splitlines()), equal_to(len(jars.NAMES)))
    assert_that(capsys.readouterr().out, contains_string("Waiting for another command"))


def test_that_maven_is_missing_is_said_as_an_error_of_this_package(
    folder: LocalSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert_that(calling(jars.resolve_all).with_args(folder), raises(LocalError, "Maven is needed"))


def test_what_production_needs_is_resolved_by_the_pom_of_the_package() -> None:
    assert_that(jars.pom("beam"), equal_to(POM))
    for name in ("kafka", "cassandra", "flink", "kubernetes"):
        assert jars.pom(name).exists()
