"""The jars that Kafka, Cassandra, Flink and Beam's Java side run on, resolved by Maven through poms of ours."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from local.console import step
from local.errors import LocalError
from local.lock import one_at_a_time
from local.settings import PROJECT, LocalSettings
from pipeline.flink import jars

NAMES = ("kafka", "cassandra", "beam")

_POMS = PROJECT / "local" / "java"


def pom(name: str) -> Path:
    """The pom that names the jars: the package's own of what production needs, the others from here."""
    return jars.POM if name == "beam" else _POMS / name / "pom.xml"


def resolve_all(settings: LocalSettings, names: Iterable[str] = NAMES) -> None:
    """Resolve what is not resolved yet of some poms, each into a folder of its name.

    Raises:
        LocalError: if Maven is not there or fails.
    """
    with one_at_a_time(settings.jars_dir.with_suffix(".lock")):
        for name in names:
            folder = settings.jars_dir / name
            if not jars.is_resolved(folder, pom(name)):
                with step(f"Resolving the jars of {name}", f"Resolved the jars of {name}"):
                    try:
                        jars.resolve(folder, settings.logs_dir / f"maven-{name}.log", pom=pom(name))
                    except jars.JarsError as e:
                        raise LocalError(str(e)) from e


def class_path(settings: LocalSettings, name: str) -> str:
    """The resolved jars of a pom, for java's -cp."""
    return str(settings.jars_dir / name / "*")
