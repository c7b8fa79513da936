"""The class path that Beam's Java side has, as Maven resolves it: nothing twice, nothing with known holes."""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest
from hamcrest import assert_that, equal_to

from local import jars
from local.settings import LocalSettings
from tests.deploy.versions import pom_version

_NAME = re.compile(r"(.+?)-(\d[^-]*)")
"""Artifact and version in the name of a jar, of which some have a platform behind."""


@pytest.fixture(params=["beam", "flink"])
def class_path(request: pytest.FixtureRequest, maven: LocalSettings) -> list[Path]:
    jars.resolve_all(maven, [request.param])
    return sorted((maven.jars_dir / request.param).glob("*-[0-9]*.jar"))


def test_no_artifact_is_there_in_two_versions(class_path: list[Path]) -> None:
    versions = defaultdict(set)
    for jar in class_path:
        artifact, version = _NAME.match(jar.stem).groups()
        versions[artifact].add(version)

    assert_that({artifact: found for artifact, found in versions.items() if len(found) > 1}, equal_to({}))


def test_lz4_is_the_fork_without_known_holes(class_path: list[Path]) -> None:
    having = [jar for jar in class_path if "net/jpountz/lz4/LZ4Factory.class" in zipfile.ZipFile(jar).namelist()]

    assert_that([jar.name for jar in having], equal_to(["lz4-java-1.10.1.jar"]))
    assert "META-INF/maven/at.yawk.lz4/" in zipfile.ZipFile(having[0]).namelist()


@pytest.mark.parametrize(
    ("artifact", "version"), [("kafka-clients", "kafka.version"), ("flink-core", "flink.version")]
)
def test_versions_are_those_of_the_pom(artifact: str, version: str, maven: LocalSettings) -> None:
    jars.resolve_all(maven, ["beam"])

    assert (maven.jars_dir / "beam" / f"{artifact}-{pom_version('beam', version)}.jar").exists()


def test_flink_is_of_one_version_everywhere() -> None:
    assert_that(pom_version("beam", "flink.version"), equal_to(pom_version("flink", "flink.version")))
