"""Jars are resolved once, whole or not at all."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from local import jars
from local.errors import LocalError
from local.settings import LocalSettings

FakeMaven = Callable[[str], None]

COPY_TWO_JARS = """
for argument in "$@"; do case $argument in -DoutputDirectory=*) jars=${argument#*=};; esac; done
mkdir -p "$jars" && touch "$jars/b.jar" "$jars/a b.jar"
"""


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMaven:
    """Replaces Maven by a shell script, which counts its runs in the file `runs`."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")

    def write(script: str) -> None:
        path = tmp_path / "bin" / "mvn"
        path.write_text(f"#!/bin/sh\necho run >> {tmp_path / 'runs'}\n{script}")
        path.chmod(0o755)

    return write


def runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text().splitlines())


def test_nothing_is_resolved_twice(folder: LocalSettings, maven: FakeMaven, tmp_path: Path) -> None:
    maven(COPY_TWO_JARS)
    jars.resolve_all(folder)
    assert runs(tmp_path) == len(jars.NAMES)
    jars.resolve_all(folder)
    assert runs(tmp_path) == len(jars.NAMES)


def test_a_changed_pom_is_resolved_again(
    folder: LocalSettings, maven: FakeMaven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in jars.NAMES:
        (tmp_path / "poms" / name).mkdir(parents=True)
        (tmp_path / "poms" / name / "pom.xml").write_text("<project/>")
    monkeypatch.setattr(jars, "POMS", tmp_path / "poms")
    maven(COPY_TWO_JARS)
    jars.resolve_all(folder)
    (folder.jars_dir / "kafka" / "of-the-old-pom.jar").touch()
    (tmp_path / "poms" / "kafka" / "pom.xml").write_text("<project></project>")
    jars.resolve_all(folder)
    assert runs(tmp_path) == len(jars.NAMES) + 1
    assert not (folder.jars_dir / "kafka" / "of-the-old-pom.jar").exists()


@pytest.mark.parametrize(
    ("ending", "reason"),
    [("echo '[ERROR] No such artifact'; echo '[ERROR] Help'; exit 1", "No such artifact"), ("kill -9 $$", "-9")],
    ids=["failed", "killed"],
)
def test_a_resolution_that_fails_leaves_nothing_behind(
    folder: LocalSettings, maven: FakeMaven, ending: str, reason: str
) -> None:
    maven(COPY_TWO_JARS + ending)
    with pytest.raises(LocalError) as failed:
        jars.resolve_all(folder)
    log = folder.logs_dir / "maven-kafka.log"
    assert str(failed.value).startswith(f"Maven could not resolve the jars of kafka; put right what {log} says")
    assert str(failed.value).endswith(reason)
    assert not jars.is_resolved(folder, "kafka")
    assert list(folder.jars_dir.iterdir()) == []


def test_the_expansion_service_finds_the_jars_beside_it(folder: LocalSettings, maven: FakeMaven) -> None:
    maven(COPY_TWO_JARS)
    jars.resolve_all(folder)
    with zipfile.ZipFile(folder.expansion_service_jar) as jar:
        text = jar.read("META-INF/MANIFEST.MF").decode()
    attributes = dict(line.split(": ", 1) for line in text.replace("\r\n ", "").splitlines())
    assert attributes["Class-Path"] == "a%20b.jar b.jar"
    assert attributes["Main-Class"] == "org.apache.beam.sdk.expansion.service.ExpansionService"
    assert "java.base/java.nio" in attributes["Add-Opens"].split()


@pytest.mark.parametrize("length", [0, 65, 66, 67, 68, 137, 138, 500])
def test_a_manifest_has_no_line_over_72_bytes_and_loses_nothing(length: int) -> None:
    value = ("abcdefghi " * 50)[:length]
    text = jars.manifest([("Name", value), ("Next", "1")])
    assert all(len(line) <= 72 for line in text.split(b"\r\n"))
    assert text.endswith(b"\r\n")
    assert text.replace(b"\r\n ", b"").decode() == f"Name: {value}\r\nNext: 1\r\n"
