"""Beam's Java side, which submits the job and runs its Kafka stages: jars that Maven resolves by a pom of ours.

Beam would download jars of its own that hold all of it, which not every network reaches, and which carry much that
this job never uses.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from rich.console import Console

POM = Path(__file__).with_name("pom.xml")
BEAM_SERVERS = {
    "expansion-service.jar": "org.apache.beam.sdk.expansion.service.ExpansionService",
    "flink-job-server.jar": "org.apache.beam.runners.flink.FlinkJobServerDriver",
}
"""The jars that Beam's Python side starts, and the main class of each."""

_STAMP = "pom.sha256"
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


class JarsError(Exception):
    """The jars cannot be had; its text is one sentence that says what to do."""


def is_resolved(folder: Path, pom: Path = POM) -> bool:
    """Whether the jars of a pom, as it is now, are in a folder."""
    stamp = folder / _STAMP
    return stamp.exists() and stamp.read_text() == _hash(pom)


def resolve(
    folder: Path, log: Path, *, pom: Path = POM, on_download: Callable[[int], None] = lambda files: None
) -> None:
    """Have Maven copy the jars of a pom into a folder.

    The folder appears whole or not at all: Maven fills another one, which then takes its place.

    Args:
        folder: where they go.
        log: the file that takes Maven's output.
        pom: names what is needed. Beam's own gets the jars that Beam starts besides.
        on_download: told how many files have been downloaded so far; those that Maven has already are not counted.

    Raises:
        JarsError: if Maven is not there or fails.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as scratch:
        filled = Path(scratch) / folder.name
        _copy_jars(pom, filled, log, on_download)
        if pom == POM:
            make_server_jars(filled)
        (filled / _STAMP).write_text(_hash(pom))
        shutil.rmtree(folder, ignore_errors=True)
        filled.rename(folder)


def make_server_jars(folder: Path) -> None:
    """Make the jars that Beam's Python side starts: nothing but manifests that name the jars beside them."""
    class_path = " ".join(quote(jar.name) for jar in sorted(folder.glob("*.jar")))
    for name, main_class in BEAM_SERVERS.items():
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


def main(argv: Sequence[str] | None = None) -> int:
    """Resolve Beam's Java side into a folder.

    Args:
        argv: the arguments; those of the command line, if None.

    Returns:
        the process's exit code: 0 they are there, 1 they could not be had, 2 the folder holds something else.
    """
    folder = Path(_parser().parse_args(argv).folder).absolute()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if folder.exists() and not (folder / _STAMP).exists() and (folder.is_file() or any(folder.iterdir())):
        console.print(f"{folder} holds something else; name a folder that is new or empty.", style="red")
        return 2
    log = folder.with_name(f"{folder.name}-maven.log")
    try:
        if not is_resolved(folder):
            with console.status("Resolving Beam's Java side …") as status:
                resolve(
                    folder,
                    log,
                    on_download=lambda n: status.update(f"Resolving Beam's Java side: {n} files downloaded …"),
                )
            log.unlink()
    except (JarsError, OSError) as e:
        console.print(str(e), style="red", markup=False)
        return 1
    jars = list(folder.glob("*.jar"))
    size = sum(jar.stat().st_size for jar in jars)
    console.print(f"{len(jars)} jars, {size / 1e6:.0f} MB, are in {folder}. A submission is told so by")
    console.print(
        f"  --kafka_expansion_service_jar={folder / 'expansion-service.jar'}"
        f" --flink_job_server_jar={folder / 'flink-job-server.jar'}",
        markup=False,
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="merge-user-courses jars",
        description="Resolves Beam's Java side by Maven, which has to be on the PATH with a JDK, into a folder. "
        "A submission to Flink, and a run on DirectRunner, need it; Flink's own servers and the workers do not.",
        epilog="example: merge-user-courses jars /opt/merge-user-courses/jars",
    )
    parser.add_argument("folder", metavar="DIR", help="a folder that is new, empty, or holds the jars already")
    return parser


def _copy_jars(pom: Path, folder: Path, log: Path, on_download: Callable[[int], None]) -> None:
    if shutil.which("mvn") is None:
        msg = "Maven is needed to resolve the jars; install it and put its mvn on the PATH."
        raise JarsError(msg)
    log.parent.mkdir(parents=True, exist_ok=True)
    downloaded = 0
    command = [
        *("mvn", "--batch-mode", "--strict-checksums", "--file", str(pom), "dependency:copy-dependencies"),
        *("-DincludeScope=runtime", f"-DoutputDirectory={folder}"),
    ]
    with (
        log.open("w") as output,
        subprocess.Popen(  # noqa: S603 - a fixed command
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as maven,
    ):
        for line in maven.stdout or ():
            output.write(line)
            if line.startswith("[INFO] Downloaded from"):
                downloaded += 1
                on_download(downloaded)
    if maven.returncode:
        errors = [line for line in log.read_text().splitlines() if line.startswith("[ERROR]")]
        reason = errors[0].removeprefix("[ERROR] ") if errors else f"it ended with {maven.returncode}"
        msg = f"Maven could not resolve the jars of {pom}; put right what {log} says and try again: {reason}"
        raise JarsError(msg)


def _hash(pom: Path) -> str:
    return hashlib.sha256(pom.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
