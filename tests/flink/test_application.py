"""The packaged job as an application of Flink's, to which nothing can be submitted."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from hamcrest import assert_that, calling, equal_to, greater_than, has_entries, has_item, raises

from faults.cluster import LocalCluster, is_drained, wait_until
from faults.streams import Stream
from faults.strikes import Kill
from local.demo import load, read_account
from local.demo_data import EVENTS
from local.schema import MERGE_TABLES
from local.settings import HOST, PROJECT
from pipeline.flink.job import ENTRY_CLASS
from tests.whole.conftest import MakeJob

PUBLISH_S = 6


@pytest.fixture
def application_cluster(cluster: LocalCluster) -> Iterator[LocalCluster]:
    """The cluster, which is a session cluster again afterwards."""
    yield cluster
    try:
        cluster.cancel_jobs()
    finally:
        cluster.run_session()


@pytest.mark.timeout(1_200)
def test_a_packaged_job_is_killed_stopped_upgraded_and_rescaled_and_loses_and_doubles_nothing(
    application_cluster: LocalCluster, make_job: MakeJob, tmp_path: Path
) -> None:
    cluster, job = application_cluster, make_job(partitions=4)
    first, second = tmp_path / "first.jar", tmp_path / "second.jar"
    with ThreadPoolExecutor() as threads:
        packaging = [
            threads.submit(cluster.package, job, first),
            threads.submit(cluster.package, job, second, "--course_batch_updater_action=sync-after-upgrade"),
        ]
        for packaged in packaging:
            packaged.result()
    stream = Stream(job, seed=18, accounts=100, events=200)

    job_id = cluster.run_application(*_job(first), "-Dparallelism.default=1")
    assert_that(_parallelism(cluster, job_id), equal_to({1}))
    assert_that(calling(_get).with_args(cluster, "/jars"), raises(HTTPError, "404"))
    for server in ("JobManager", "TaskManager-1"):
        with _publishing(stream):
            Kill(server).strike(cluster, job, random.Random(1))
        wait_until(lambda: is_drained(job))
        stream.check()

    with _publishing(stream):
        savepoint = cluster.rest.stop_with_savepoint(job_id)
    assert_that(job.lag(), greater_than(0))
    job_id = cluster.run_application(*_job(second), "-Dparallelism.default=2", "--fromSavepoint", savepoint)
    assert_that(_parallelism(cluster, job_id), equal_to({2}))
    wait_until(lambda: is_drained(job))
    stream.check()
    actions = {request["edata"]["action"] for request in job.sync_requests()}
    assert_that(actions, equal_to({"batch-enrolment-sync", "sync-after-upgrade"}))


@pytest.mark.timeout(900)
def test_the_way_from_a_wheel_to_a_running_job_is_as_the_page_says(
    application_cluster: LocalCluster, make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job()
    load(job.session)
    for table in re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", MERGE_TABLES.read_text()):
        job.session.execute(f"DROP TABLE {table}")  # the page makes them
    (tmp_path / "job.conf").write_text(
        f"""
        job.env = {job.env}
        kafka.broker-servers = "{job.services.kafka_address}"
        lms-cassandra {{ host = "{HOST}", port = {job.services.cassandra_port}, keyspace = {job.env} }}
        """
    )
    flink_home = _flink_that_notes_how_it_is_started(tmp_path / "flink")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "FLINK_HOME": str(flink_home),
        "WHEEL": str(_wheel(tmp_path / "wheel")),
        "PIP_NO_COMPILE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    page = (PROJECT / "docs" / "deploying.md").read_text()
    (script,) = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    log = tmp_path / "log"

    with log.open("w") as output:
        ran = subprocess.Popen(
            ["bash", "-ec", script],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        assert_that(ran.wait(400), equal_to(0), log.read_text())
        application_cluster.run_application(*(flink_home / "standalone-job").read_text().splitlines())
        job.publish(EVENTS)
        wait_until(lambda: len(job.sync_requests()) >= 4 and len(job.failed()) == 2, timeout_s=120)
    finally:
        os.killpg(ran.pid, signal.SIGTERM)  # the pool of workers, which the script leaves running

    merged = read_account(job.session, "asha-new")["user_content_consumption"].values()
    assert_that(merged, has_item(has_entries(viewcount=6, status=2, progress=100)))


def _wheel(folder: Path) -> Path:
    """The package as pip has it from elsewhere."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        folder.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    for name in ("pipeline", "transforms"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = [*(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"), f"--wheel-dir={folder}", str(folder)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _flink_that_notes_how_it_is_started(home: Path) -> Path:
    """Flink's release has scripts that its jars have not; these leave what they are given in a file."""
    (home / "bin").mkdir(parents=True)
    for name in ("standalone-job", "taskmanager"):
        script = home / "bin" / f"{name}.sh"
        script.write_text(f'#!/bin/sh\ntest "$1" = start && shift && printf "%s\\n" "$@" > "$FLINK_HOME/{name}"\n')
        script.chmod(0o755)
    return home


def _job(jar: Path) -> list[str]:
    return ["--job-classname", ENTRY_CLASS, "--jars", f"local://{jar}", "-Dweb.submit.enable=false"]


@contextmanager
def _publishing(stream: Stream) -> Iterator[None]:
    """Publish the stream, in the middle of which the body begins."""
    with ThreadPoolExecutor() as threads:
        publishing = threads.submit(stream.publish, PUBLISH_S)
        time.sleep(PUBLISH_S / 2)
        yield
        publishing.result()


def _parallelism(cluster: LocalCluster, job_id: str) -> set[int]:
    return {vertex["parallelism"] for vertex in _get(cluster, f"/jobs/{job_id}")["vertices"]}


def _get(cluster: LocalCluster, path: str) -> Any:
    with urlopen(cluster.rest.url + path, timeout=30) as answer:
        return json.load(answer)
