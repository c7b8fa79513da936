"""A Flink cluster with all its servers, and jobs on it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from local import jars
from local.flink_services import flink_services
from local.run import pipeline_command
from local.service import Service
from local.settings import HOST, PROJECT, LocalSettings
from pipeline.flink_cluster import FlinkCluster
from tests.whole.job import Job

CHECKPOINTS_EVERY_S = 2


def wait_until(done: Callable[[], bool], timeout_s: float = 300) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"it took more than {timeout_s} s"
        time.sleep(0.2)


@dataclass(frozen=True)
class LocalCluster:
    """A cluster with its servers, by name."""

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

    def cancel_jobs(self) -> None:
        """Cancel all jobs, so that the next one has the machine to itself."""
        for job in self.rest.running_jobs():
            self.rest.cancel(job.id)
        wait_until(lambda: not self.rest.running_jobs())


@contextmanager
def running_cluster(settings: LocalSettings) -> Iterator[LocalCluster]:
    """Start a cluster, and stop it at the end."""
    jars.resolve_all(settings, ["flink"])
    services = {service.name: service for service in flink_services(settings)}
    with ExitStack() as running:
        for service in services.values():
            running.callback(service.stop)
            service.start()
        for service in services.values():
            service.wait_ready()
        yield LocalCluster(settings, services)


def is_drained(job: Job) -> bool:
    """Whether all offsets are committed, those of follow-ups too."""
    if job.lag():
        return False
    time.sleep(CHECKPOINTS_EVERY_S)
    return not job.lag()
