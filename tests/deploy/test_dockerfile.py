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
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser
from hamcrest import assert_that, contains_string, equal_to, has_entries, has_item, starts_with
from packaging.specifiers import SpecifierSet

from local.jars import _BEAM_SERVERS
from local.settings import PROJECT
from tests.deploy.manifests import DEPLOY, container
from tests.deploy.versions import pom_version, setup_arguments


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
    pip = next(i for i in dockerfile.structure if i["instruction"] == "RUN" and "pip install" in i["value"])
    for i in dockerfile.structure[: dockerfile.structure.index(pip)]:
        if i["instruction"] == "COPY":
            for source in shlex.split(i["value"])[:-1]:
                copy = shutil.copytree if (PROJECT / source).is_dir() else shutil.copy
                copy(PROJECT / source, build / source)
    _, *arguments = shlex.split(pip["value"])

    subprocess.run(
        # Its dependencies are those of the tests.
        [
            sys.executable,
            "-m",
            "pip",
            *arguments,
            "--no-deps",
            "--disable-pip-version-check",
            "--target",
            installed,
        ],
        cwd=build,
        check=True,
    )

    assert_that((installed / "pipeline" / "merge_tables.cql").exists())
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
    assert_that((installed / "bin" / container("submit")["command"][0]).exists())


def test_the_worker_pool_is_what_the_image_starts(dockerfile: DockerfileParser) -> None:
    (port,) = container("worker-pool")["ports"]
    python, dash_m, module, service_port, worker = json.loads(dockerfile.cmd)
    assert_that((python, service_port), equal_to(("python", f"--service_port={port['containerPort']}")))
    assert_that(
        setup_arguments()["entry_points"]["console_scripts"], has_item(starts_with(worker.partition("=")[2]))
    )

    helped = subprocess.run([sys.executable, dash_m, module, "--help"], capture_output=True, text=True, check=True)

    assert_that(helped.stdout, contains_string(service_port.partition("=")[0]))
    assert_that(helped.stdout, contains_string(worker.partition("=")[0]))


def test_the_jars_are_where_the_submission_looks_for_them(dockerfile: DockerfileParser) -> None:
    (jars,) = (to for stage, sources, to in _copies(dockerfile) if sources == ["/build/jars/beam"])
    arguments = container("submit")["args"]

    assert_that(set(_BEAM_SERVERS), equal_to({"expansion-service.jar", "flink-job-server.jar"}))
    assert_that(arguments, has_item(f"--flink_job_server_jar={jars}/flink-job-server.jar"))
    assert_that(dockerfile.envs, has_entries(KAFKA_EXPANSION_SERVICE_JAR=f"{jars}/expansion-service.jar"))


def test_versions_are_those_of_the_project(dockerfile: DockerfileParser) -> None:
    setup = setup_arguments()
    images = set(dockerfile.parent_images)

    (python,) = (re.fullmatch(r"python:(\d+\.\d+)-slim-\w+", image) for image in images)
    assert_that(python and f"{python[1]}.0" in SpecifierSet(setup["python_requires"]))
    assert_that(dockerfile.content, contains_string(f"merge-user-courses:{setup['version']} "))
    (beam,) = (r for r in setup["install_requires"] if r.startswith("apache-beam"))
    assert_that(pom_version("beam", "beam.version") in SpecifierSet(beam.removeprefix("apache-beam")))
