"""The jars that Kafka, Cassandra, Flink and Beam's Java side run on, resolved by Maven through poms of ours."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from local.console import step
from local.errors import LocalError
from local.settings import PROJECT, LocalSettings

POMS = PROJECT / "local" / "java"
NAMES = ("kafka", "cassandra", "beam")

_STAMP = "pom.sha256"
_BEAM_SERVERS = {
    "expansion-service.jar": "org.apache.beam.sdk.expansion.service.ExpansionService",
    "flink-job-server.jar": "org.apache.beam.runners.flink.FlinkJobServerDriver",
}
"""The jars that Beam's Python side starts, and the main class of each."""

_ADD_OPENS = (
    "java.io",
    "java.lang",
    "java.lang.invoke",
    "java.net",
    "java.nio",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
)
"""Packages of java.base that Beam looks into by reflection, which JDK 17 forbids unless told."""


def resolve_all(settings: LocalSettings, names: Iterable[str] = NAMES) -> None:
    """Resolve what is not resolved yet of some poms.

    Raises:
        LocalError: if Maven fails.
    """
    for name in names:
        if not is_resolved(settings, name):
            with step(f"Resolving the jars of {name}", f"Resolved the jars of {name}"):
                resolve(settings, name)


def is_resolved(settings: LocalSettings, name: str) -> bool:
    """Whether the jars of the pom, as it is now, are there."""
    stamp = settings.jars_dir / name / _STAMP
    return stamp.exists() and stamp.read_text() == _pom_hash(name)


def resolve(settings: LocalSettings, name: str) -> None:
    """Have Maven copy the jars of one pom into the folder of that name.

    The folder appears whole or not at all: Maven fills another one, which then takes its place.

    Raises:
        LocalError: if Maven fails.
    """
    settings.jars_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=settings.jars_dir) as scratch:
        filled = Path(scratch) / name
        _copy_jars(settings, name, filled)
        if name == "beam":
            make_server_jars(filled)
        (filled / _STAMP).write_text(_pom_hash(name))
        folder = settings.jars_dir / name
        shutil.rmtree(folder, ignore_errors=True)
        filled.rename(folder)


def _copy_jars(settings: LocalSettings, name: str, folder: Path) -> None:
    log = settings.logs_dir / f"maven-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        maven = subprocess.run(
            [
                *("mvn", "--batch-mode", "--file", POMS / name / "pom.xml", "dependency:copy-dependencies"),
                *("-DincludeScope=runtime", f"-DoutputDirectory={folder}"),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if maven.returncode:
        errors = [line for line in log.read_text().splitlines() if line.startswith("[ERROR]")]
        reason = errors[0].removeprefix("[ERROR] ") if errors else f"it ended with {maven.returncode}"
        msg = f"Maven could not resolve the jars of {name}; put right what {log} says and try again: {reason}"
        raise LocalError(msg)


def make_server_jars(folder: Path) -> None:
    """Make the jars that Beam's Python side starts: nothing but manifests that name the jars beside them."""
    class_path = " ".join(quote(jar.name) for jar in sorted(folder.glob("*.jar")))
    for name, main_class in _BEAM_SERVERS.items():
        attributes = (
            ("Manifest-Version", "1.0"),
            ("Main-Class", main_class),
            ("Class-Path", class_path),
            ("Add-Opens", " ".join(f"java.base/{package}" for package in _ADD_OPENS)),
        )
        with zipfile.ZipFile(folder / name, "w") as jar:
            jar.writestr("META-INF/MANIFEST.MF", manifest(attributes))


def manifest(attributes: Iterable[tuple[str, str]]) -> bytes:
    """The text of a jar's manifest, whose lines hold at most 72 bytes and go on after a space."""
    lines = []
    for name, value in attributes:
        line = f"{name}: {value}".encode()
        lines.append(line[:72])
        lines += [b" " + line[start : start + 71] for start in range(72, len(line), 71)]
    return b"".join(line + b"\r\n" for line in lines)


def class_path(settings: LocalSettings, name: str) -> str:
    """The resolved jars of a pom, for java's -cp."""
    return str(settings.jars_dir / name / "*")


def _pom_hash(name: str) -> str:
    return hashlib.sha256((POMS / name / "pom.xml").read_bytes()).hexdigest()
