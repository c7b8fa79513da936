"""Beam's jars are resolved once, whole or not at all, by a command of the package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hamcrest import assert_that, contains_string, ends_with, equal_to, has_entries, has_item, matches_regexp

from local.settings import PROJECT
from pipeline.flink import jars

FakeMaven = Callable[[str], None]

COPY_TWO_JARS = """
echo "[INFO] Downloading from central: b.jar"
echo "[INFO] Downloaded from central: b.jar (2 kB at 1 kB/s)"
for argument in "$@"; do case $argument in -DoutputDirectory=*) jars=${argument#*=};; esac; done
mkdir -p "$jars" && touch "$jars/b.jar" "$jars/a b.jar"
"""


@pytest.fixture
def maven_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMaven:
    """Replaces Maven by a shell script, which keeps the arguments of its runs in the file `runs`."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")

    def write(script: str) -> None:
        path = tmp_path / "bin" / "mvn"
        path.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path / "runs"}\n{script}')
        path.chmod(0o755)

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "jars" / "beam"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "maven.log"


def runs(tmp_path: Path) -> list[str]:
    return (tmp_path / "runs").read_text().splitlines()


def test_the_command_has_the_jars_there_and_says_how_a_submission_is_told(
    maven_script: FakeMaven, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maven_script(COPY_TWO_JARS)

    assert_that(jars.main([str(folder)]), equal_to(0))

    said = capsys.readouterr().err
    assert_that(said, contains_string(f"4 jars, 0 MB, are in {folder}."))
    assert_that(said, contains_string(f"--kafka_expansion_service_jar={folder}/expansion-service.jar"))
    assert_that(said, contains_string(f"--flink_job_server_jar={folder}/flink-job-server.jar"))
    assert_that(list(folder.parent.iterdir()), equal_to([folder]))
    assert_that(jars.main([str(folder)]), equal_to(0))
    (arguments,) = runs(tmp_path)
    assert_that(arguments, contains_string(f"--file {jars.POM}"))
    assert_that(arguments, contains_string("--strict-checksums"))


def test_the_command_takes_nothing_away(
    maven_script: FakeMaven, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maven_script(COPY_TWO_JARS)
    (tmp_path / "mine").touch()

    for name in (tmp_path, tmp_path / "mine"):
        assert_that(jars.main([str(name)]), equal_to(2))
        assert_that(capsys.readouterr().err, contains_string(f"{name} holds something else"))

    assert (tmp_path / "mine").exists()


def test_without_maven_the_command_says_that_it_is_needed(folder: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pipeline.flink.jars", str(folder)],
        cwd=PROJECT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert_that(ran.returncode, equal_to(1))
    assert_that(
        ran.stderr,
        equal_to("Maven is needed to resolve the jars; install it and put its mvn on the PATH.\n"),
    )


def test_downloads_are_counted(maven_script: FakeMaven, folder: Path, log: Path) -> None:
    maven_script(COPY_TWO_JARS * 2)
    counts: list[int] = []

    jars.resolve(folder, log, on_download=counts.append)

    assert_that(counts, equal_to([1, 2]))


def test_another_pom_is_resolved_again(maven_script: FakeMaven, folder: Path, log: Path, tmp_path: Path) -> None:
    maven_script(COPY_TWO_JARS)
    pom = tmp_path / "pom.xml"
    pom.write_text("<project/>")
    jars.resolve(folder, log, pom=pom)
    assert jars.is_resolved(folder, pom)
    (folder / "of-the-old-pom.jar").touch()
    pom.write_text("<project></project>")
    assert not jars.is_resolved(folder, pom)

    jars.resolve(folder, log, pom=pom)

    assert jars.is_resolved(folder, pom)
    assert_that({jar.name for jar in folder.glob("*.jar")}, equal_to({"a b.jar", "b.jar"}))


@pytest.mark.parametrize(
    ("ending", "reason"),
    [("echo '[ERROR] No such artifact'; echo '[ERROR] Help'; exit 1", "No such artifact"), ("kill -9 $$", "-9")],
    ids=["failed", "killed"],
)
def test_a_resolution_that_fails_leaves_nothing_behind(
    maven_script: FakeMaven, folder: Path, ending: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    maven_script(COPY_TWO_JARS + ending)

    assert_that(jars.main([str(folder)]), equal_to(1))

    log = folder.parent / "beam-maven.log"
    said = capsys.readouterr().err.rstrip()
    assert_that(said, matches_regexp(f"Maven could not resolve the jars of .*pom.xml; put right what {log} says"))
    assert_that(said, ends_with(reason))
    assert_that(list(folder.parent.iterdir()), equal_to([log]))


def test_the_servers_of_beam_find_the_jars_beside_them(maven_script: FakeMaven, folder: Path, log: Path) -> None:
    maven_script(COPY_TWO_JARS)

    jars.resolve(folder, log)

    for name, main_class in jars.BEAM_SERVERS.items():
        with zipfile.ZipFile(folder / name) as jar:
            text = jar.read("META-INF/MANIFEST.MF").decode()
        attributes = dict(line.split(": ", 1) for line in text.replace("\r\n ", "").splitlines())
        assert_that(attributes, has_entries({"Class-Path": "a%20b.jar b.jar", "Main-Class": main_class}))
        assert_that(attributes["Add-Opens"].split(), has_item("java.base/java.nio"))


@pytest.mark.parametrize("length", [0, 65, 66, 67, 68, 137, 138, 500])
def test_a_manifest_has_no_line_over_72_bytes_and_loses_nothing(length: int) -> None:
    value = ("abcdefghi " * 50)[:length]
    text = jars.manifest([("Name", value), ("Next", "1")])
    assert all(len(line) <= 72 for line in text.split(b"\r\n"))
    assert text.endswith(b"\r\n")
    assert text.replace(b"\r\n ", b"").decode() == f"Name: {value}\r\nNext: 1\r\n"
