"""The ways to strike what a job on Flink runs on; each is over when what was struck is up again."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

import psutil

from faults.cluster import LocalCluster, wait_until
from faults.job import Job
from faults.memory_tables import ENROLMENTS
from local.service import Service

PYTHON_WORKER = "Python worker"


class Strike(Protocol):
    """Something that is done to a running job."""

    def strike(self, cluster: LocalCluster, job: Job, draw: random.Random) -> None:
        """Do it, and wait until what was struck is up again."""


@dataclass(frozen=True)
class Kill:
    """kill -9.

    Attributes:
        server: whose; its name among the services, or PYTHON_WORKER.
        down_s: how long it is left down, in seconds.
    """

    server: str
    down_s: float = 0

    def strike(self, cluster: LocalCluster, job: Job, draw: random.Random) -> None:
        """Kill it, and start it again."""
        if self.server == PYTHON_WORKER:
            _kill_python_worker(cluster.services["Worker-pool"], draw)
        else:
            Outage((self.server,), self.down_s).strike(cluster, job, draw)


@dataclass(frozen=True)
class Outage:
    """kill -9 of several servers at once.

    Attributes:
        servers: their names among the services.
        down_s: how long all of them are left down, in seconds.
    """

    servers: tuple[str, ...]
    down_s: float

    def strike(self, cluster: LocalCluster, job: Job, draw: random.Random) -> None:
        """Kill them, and start them again one after the other."""
        servers = [cluster.services[name] for name in self.servers]
        for server in servers:
            server.kill()
        time.sleep(self.down_s)
        for server in servers:
            server.start()
            server.wait_ready()


@dataclass(frozen=True)
class Pause:
    """SIGSTOP: connections stay open, and nobody answers.

    Attributes:
        servers: their names among the services.
        for_s: how long, in seconds.
    """

    servers: tuple[str, ...]
    for_s: float

    def strike(self, cluster: LocalCluster, job: Job, draw: random.Random) -> None:
        """Stop them, and let them go on."""
        with ExitStack() as paused:
            for name in self.servers:
                paused.enter_context(cluster.services[name].paused())
            time.sleep(self.for_s)


@dataclass(frozen=True)
class AlterTable:
    """A migration: a column is added to user_enrolments, and dropped again.

    Attributes:
        between_s: how long it is there, in seconds.
    """

    between_s: float = 15

    def strike(self, cluster: LocalCluster, job: Job, draw: random.Random) -> None:
        """Add it, and drop it."""
        job.session.execute(f"ALTER TABLE {ENROLMENTS} ADD added_by_a_migration int")
        time.sleep(self.between_s)
        job.session.execute(f"ALTER TABLE {ENROLMENTS} DROP added_by_a_migration")


def _kill_python_worker(pool: Service, draw: random.Random) -> None:
    """Kill one of the workers that the pool has started; the pool itself goes on."""
    workers = wait_until(psutil.Process(pool.pid).children)
    draw.choice(sorted(workers, key=lambda worker: worker.pid)).kill()
