"""The image: what it copies is there, what it installs runs, and its versions are the project's.

Nothing here can build it; these are its steps, run without a container as far as they can be.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser
from hamcrest import assert_that, contains_string, equal_to, has_entries, has_item, has_key
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from local.settings import PROJECT
from pipeline.commands import COMMANDS
from pipeline.flink.jars import BEAM_SERVERS
from tests.deploy.manifests import DEPLOY, container
from tests.deploy.versions import pom_version, setup_arguments

LOCK = DEPLOY / "requirements.txt"


@pytest.fixture(scope="module")
def dockerfile() -> DockerfileParser:
    return DockerfileParser(path=str(DEPLOY / "Dockerfile"))


def _copies(dockerfile: DockerfileParser) -> Iterator[tuple[str | None, list[str], str]]:
    """The stage, the sources and the destination of each COPY."""
    for instruction in dockerfile.structure:
        if instruction["instruction"] == "COPY":
            words = shlex.split(instruction["value"])
            stage = next((w.removeprefix("--from=") for w in words if w.startswith("--from=")), None)
            *sources, destination = (w for w in words if not w.startswith("--"))
            yield stage, sources, destination


def test_what_is_copied_is_there_and_not_ignored(dockerfile: DockerfileParser) -> None:
    ignored, *admitted = (PROJECT / ".dockerignore").read_text().split()
    assert_that(ignored, equal_to("*"))
    for stage, sources, _ in _copies(dockerfile):
        for source in sources:
            if stage is None:
                assert (PROJECT / source).exists(), source
                assert_that(admitted, has_item(f"!{source}"))
            else:
                assert_that(dockerfile.parent_images, equal_to([dockerfile.baseimage] * 2))
                assert_that(dockerfile.content, contains_string(f" AS {stage}\n"))


def test_the_package_that_it_installs_is_whole(dockerfile: DockerfileParser, tmp_path: Path) -> None:
    build, installed = tmp_path / "build", tmp_path / "installed"
    build.mkdir()
    _, pip = _pip_installs(dockerfile)
    for i in dockerfile.structure[: dockerfile.structure.index(pip)]:
        if i["instruction"] == "COPY":
            for source in shlex.split(i["value"])[:-1]:
                copy = shutil.copytree if (PROJECT / source).is_dir() else shutil.copy
                copy(PROJECT / source, build / Path(source).name)
    _, *arguments = shlex.split(pip["value"])
    arguments.remove("--no-build-isolation")  # what builds it is locked too, and not among the tests' packages

    subprocess.run(
        # Its dependencies are those of the tests.
        [
            sys.executable,
            "-m",
            "pip",
            *arguments,
            "--disable-pip-version-check",
            "--target",
            installed,
        ],
        cwd=build,
        check=True,
    )

    assert_that((installed / "pipeline" / "merge_tables.cql").exists())
    assert_that((installed / "pipeline" / "flink" / "pom.xml").exists())
    code = "import pipeline; print(pipeline.__file__); from pipeline.__main__ import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", code, "--print_config"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert_that(ran.stdout, contains_string(f"{installed}/pipeline/__init__.py"))
    assert_that((installed / "bin" / container("package")["command"][0]).exists())


def test_all_that_it_installs_is_locked_with_hashes(dockerfile: DockerfileParser) -> None:
    lock, package = _pip_installs(dockerfile)
    assert_that(package["value"], contains_string("--no-deps"))
    assert_that(lock["value"], contains_string("--require-hashes"))
    locked = dict(re.findall(r"^([\w.-]+)==(\S+) \\\n    --hash=sha256:", LOCK.read_text(), re.MULTILINE))
    for required in map(Requirement, [*setup_arguments()["install_requires"], "setuptools>=68"]):
        assert_that(locked, has_key(required.name))
        assert_that(locked[required.name] in required.specifier, required)


def _pip_installs(dockerfile: DockerfileParser) -> list[dict[str, Any]]:
    """The two steps that install Python packages: the locked ones, and the project's own."""
    return [i for i in dockerfile.structure if i["instruction"] == "RUN" and "pip install" in i["value"]]


def test_the_worker_pool_is_what_the_image_starts(dockerfile: DockerfileParser) -> None:
    command, name = json.loads(dockerfile.cmd)

    assert_that(_console_scripts(), has_entries({command: "pipeline.__main__:main"}))
    assert_that(COMMANDS, has_key(name))


def test_the_jars_are_where_the_package_command_looks_for_them(dockerfile: DockerfileParser) -> None:
    (resolves,) = (i["value"] for i in dockerfile.structure if "merge-user-courses jars" in i["value"])
    command, name, jars = shlex.split(resolves)
    folder = str(PurePosixPath(jars).parent)
    arguments = container("package")["args"]

    assert_that(_console_scripts(), has_key(PurePosixPath(command).name))
    assert_that(COMMANDS, has_key(name))
    assert_that(list(_copies(dockerfile)), has_item(("build", [folder], folder)))
    assert_that(set(BEAM_SERVERS), equal_to({"expansion-service.jar", "flink-job-server.jar"}))
    assert_that(arguments, has_item(f"--flink_job_server_jar={jars}/flink-job-server.jar"))
    assert_that(dockerfile.envs, has_entries(KAFKA_EXPANSION_SERVICE_JAR=f"{jars}/expansion-service.jar"))


def _console_scripts() -> dict[str, str]:
    return dict(script.split("=") for script in setup_arguments()["entry_points"]["console_scripts"])


def test_versions_are_those_of_the_project(dockerfile: DockerfileParser) -> None:
    setup = setup_arguments()
    images = set(dockerfile.parent_images)

    (python,) = (re.fullmatch(r"python:(\d+\.\d+)-slim-\w+", image) for image in images)
    assert_that(python and f"{python[1]}.0" in SpecifierSet(setup["python_requires"]))
    assert_that(dockerfile.content, contains_string(f"merge-user-courses:{setup['version']} "))
    (beam,) = (r for r in setup["install_requires"] if r.startswith("apache-beam"))
    assert_that(pom_version("beam", "beam.version") in SpecifierSet(beam.removeprefix("apache-beam")))
