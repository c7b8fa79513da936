"""A Flink cluster with all its servers, and jobs on it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from faults.job import Job
from local import jars
from local.flink_services import application, flink_services, job_manager
from local.service import Service
from local.services import data_dir
from local.settings import HOST, PROJECT, LocalSettings
from pipeline.flink.cluster import FlinkCluster

CHECKPOINTS_EVERY_S = 2

Result = TypeVar("Result")


def wait_until(done: Callable[[], Result], timeout_s: float = 300) -> Result:
    """Wait until something is so; returns what says so."""
    deadline = time.monotonic() + timeout_s
    while not (result := done()):
        assert time.monotonic() < deadline, f"it took more than {timeout_s} s"
        time.sleep(0.2)
    return result


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
        self._command("submit", job, f"--flink_master={self.settings.flink_address}", *options)
        return next(running.id for running in self.rest.running_jobs() if running.name.startswith(job.env))

    def package(self, job: Job, output: Path, *options: str) -> None:
        """Package the job for this cluster."""
        self._command("package", job, f"--output={output}", *options)

    def run_application(self, *options: str) -> str:
        """Put an application's JobManager in the place of this cluster's; returns Flink's id of its job.

        Args:
            options: those of Flink's entry point.
        """
        self._replace_job_manager(application(self.settings, options))
        wait_until(lambda: any(job.state == "RUNNING" for job in self.rest.jobs()))
        return self.rest.jobs()[0].id

    def run_session(self) -> None:
        """Put the JobManager of a session in the place of this cluster's."""
        self._replace_job_manager(job_manager(self.settings))

    def _replace_job_manager(self, successor: Service) -> None:
        # A job that has ended is forgotten a little later; until then the next JobManager would go on with it.
        wait_until(lambda: not any(self._job_graphs()))
        self.services[successor.name].stop()
        self.services[successor.name] = successor
        successor.start()
        successor.wait_ready()

    def _job_graphs(self) -> Iterator[Path]:
        """The jobs that a JobManager which is started now would recover, as Flink has stored them."""
        return data_dir(self.settings, "flink").rglob("high-availability/*/submittedJobGraph*")

    def _command(self, command: str, job: Job, *options: str) -> None:
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "pipeline", command, *job.argv),
                f"--flink_job_server_jar={self.settings.flink_job_server_jar}",
                f"--environment_config={HOST}:{self.settings.worker_pool_port}",
                f"--checkpointing_interval={CHECKPOINTS_EVERY_S * 1000}",
                *options,
            ],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr

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
