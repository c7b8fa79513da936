"""A Flink cluster of the tests' own, started once, and jobs on it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from local import jars, ports
from local.flink_services import flink_services
from local.run import pipeline_command
from local.service import Service
from local.settings import FLINK_PORTS, HOST, PROJECT, LocalSettings, read_settings
from pipeline.flink_cluster import FlinkCluster
from tests.whole.conftest import make_job
from tests.whole.job import Job

__all__ = ["make_job"]

CHECKPOINTS_EVERY_S = 2


def wait_until(done: Callable[[], bool], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.2)


@dataclass(frozen=True)
class TestCluster:
    """A cluster with its servers, by name."""

    __test__ = False
    settings: LocalSettings
    services: dict[str, Service]

    @property
    def rest(self) -> FlinkCluster:
        return FlinkCluster(self.settings.flink_address)

    def submit(self, job: Job, *options: str) -> str:
        """Submit the job as an operator does; returns Flink's id of it."""
        command = pipeline_command(
            self.settings,
            *job.argv,
            "--runner=FlinkRunner",
            f"--flink_master={self.settings.flink_address}",
            f"--flink_job_server_jar={self.settings.flink_job_server_jar}",
            f"--environment_config={HOST}:{self.settings.worker_pool_port}",
            f"--checkpointing_interval={CHECKPOINTS_EVERY_S * 1000}",
            *options,
        )
        ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=180, check=False)
        assert ran.returncode == 0, ran.stderr
        return next(running.id for running in self.rest.running_jobs() if running.name.startswith(job.env))

    def kill(self, name: str, down_s: float = 0) -> None:
        """Kill a server with -9, and start it again after a while."""
        self.services[name].kill()
        time.sleep(down_s)
        self.services[name].start()
        self.services[name].wait_ready()


@pytest.fixture(scope="session")
def cluster(settings: LocalSettings) -> Iterator[TestCluster]:
    settings = dataclasses.replace(settings, flink_port=ports.free_ports_in_a_row(FLINK_PORTS))
    jars.resolve_all(read_settings(os.environ), ["flink"])
    services = {service.name: service for service in flink_services(settings)}
    with ExitStack() as running:
        for service in services.values():
            running.callback(service.stop)
            service.start()
        for service in services.values():
            service.wait_ready()
        yield TestCluster(settings, services)


@pytest.fixture
def ends_jobs(cluster: TestCluster) -> Iterator[None]:
    """Cancel what a test has left running, so that the next one has the machine to itself."""
    yield
    for job in cluster.rest.running_jobs():
        cluster.rest.cancel(job.id)
    wait_until(lambda: not cluster.rest.running_jobs())
