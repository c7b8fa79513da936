"""One stream of merge events on Flink, in which something is killed, and what became of it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import psutil

from local.service import Service
from pipeline.flink_cluster import FlinkError
from tests.faults.faults import FAULTS, PYTHON_WORKER, Kill, moments
from tests.flink.cluster import LocalCluster, is_drained, wait_until
from tests.streams import Stream, Verdict
from tests.whole.job import Job

PARTITIONS = 4
OPTIONS = ("--parallelism=2", "--cassandra_retry_seconds=300")
"""Events wait for Cassandra longer than it is down: the default of a minute is short where nodes start slowly."""

_MALFORMED = 0.01
_PROGRESS_WITHIN_S = 300
_RECOVERED_WITHIN_S = 600
_POLL_S = 0.2


@dataclass(frozen=True)
class Outcome:
    """What became of a stream.

    Attributes:
        fault: what was killed.
        events: how many records were published, malformed ones among them.
        failed: how many of these were refused.
        verdict: what was lost, doubled, repeated and left.
        recovery_s: the longest time from a kill until a checkpoint is complete that began after the server was up
            again, in seconds; None if nothing was killed.
        state_bytes: the largest state that a checkpoint held since the JobManager was killed last, in bytes.
    """

    fault: str
    events: int
    failed: int
    verdict: Verdict
    recovery_s: float | None
    state_bytes: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing is lost, doubled or left."""
        return not (self.verdict.lost or self.verdict.doubled or self.verdict.lag)


def run_fault(
    cluster: LocalCluster, job: Job, fault: str, seed: int, *, accounts: int, events: int, over_s: float
) -> Outcome:
    """Stream events through a job on the cluster, and kill what the fault says.

    Args:
        cluster: with Kafka and Cassandra among its services.
        job: a fresh one, with OPTIONS.
        fault: one of FAULTS.
        seed: decides accounts, events, their order and the moments.
        accounts: how many.
        events: how many; malformed ones come on top.
        over_s: how long they are published, in seconds.
    """
    job_id = cluster.submit(job)
    wait_until(lambda: cluster.rest.checkpoints(job_id).latest_ms > 0)
    malformed = int(events * _MALFORMED)
    stream = Stream(job, seed, accounts=accounts, events=events, malformed=malformed)

    began = time.monotonic()
    with ThreadPoolExecutor() as threads:
        publishing = threads.submit(stream.publish, over_s)
        draw = random.Random(seed)
        recovering = []
        for kills in FAULTS[fault]:
            at = [began + moment for moment in moments(draw, len(kills), over_s)]
            recovering.append(threads.submit(_kill_in_turn, cluster, job_id, kills, at, seed))
        publishing.result()
        recoveries = [recovery for kills in recovering for recovery in kills.result()]

    _wait_until_drained(job)
    verdict = stream.verdict()
    state_bytes = cluster.rest.checkpoints(job_id).largest_bytes
    cluster.cancel_jobs()
    return Outcome(
        fault, events + malformed, malformed, verdict, max(recoveries, default=None), state_bytes=state_bytes
    )


def _kill_in_turn(
    cluster: LocalCluster, job_id: str, kills: Sequence[Kill], at: Sequence[float], seed: int
) -> list[float]:
    """Kill one after the other, each not before the job has recovered; returns the recovery times, in seconds."""
    draw = random.Random(seed)
    recoveries = []
    for kill, moment in zip(kills, at, strict=True):
        time.sleep(max(0.0, moment - time.monotonic()))
        killed = time.monotonic()
        if kill.server == PYTHON_WORKER:
            _kill_python_worker(cluster.services["Worker-pool"], draw)
        else:
            _kill_server(cluster.services[kill.server], kill.down_s)
        up_ms = time.time() * 1000
        wait_until(partial(_checkpoint_began_after, cluster, job_id, up_ms), _RECOVERED_WITHIN_S)
        recoveries.append(time.monotonic() - killed)
    return recoveries


def _kill_server(server: Service, down_s: float) -> None:
    server.kill()
    time.sleep(down_s)
    server.start()
    server.wait_ready()


def _kill_python_worker(pool: Service, draw: random.Random) -> None:
    """Kill one of the workers that the pool has started; the pool itself goes on."""
    while not (workers := psutil.Process(pool.pid).children()):
        time.sleep(_POLL_S)
    draw.choice(sorted(workers, key=lambda worker: worker.pid)).kill()


def _checkpoint_began_after(cluster: LocalCluster, job_id: str, time_ms: float) -> bool:
    try:
        return cluster.rest.checkpoints(job_id).latest_ms > time_ms
    except FlinkError:  # the JobManager is away, or does not know the job yet
        return False


def _wait_until_drained(job: Job) -> None:
    """Wait until all is merged, or nothing has been for too long, which is for the verdict to tell."""
    lag, since = job.lag(), time.monotonic()
    while not is_drained(job) and time.monotonic() < since + _PROGRESS_WITHIN_S:
        if job.lag() != lag:
            lag, since = job.lag(), time.monotonic()
