"""One stream of merge events on Flink, in which something is struck, and what became of it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from kafka.errors import KafkaError

from faults.cluster import LocalCluster, is_drained, wait_until
from faults.faults import Fault, moments
from faults.job import Job
from faults.memory import kept_mb
from faults.streams import Stream, Verdict
from faults.strikes import Strike
from pipeline.flink.cluster import FlinkError

PARTITIONS = 4

_MALFORMED = 0.01
_PROGRESS_WITHIN_S = 300
_RECOVERED_WITHIN_S = 600
_REPEAT_EVERY_S = 1
_WARM_AFTER = 10
"""From this recovery on, what the servers keep anyway is there."""


@dataclass(frozen=True)
class Outcome:
    """What became of a stream.

    Attributes:
        fault: what was struck.
        events: how many records were published, malformed ones among them.
        failed: how many of these were refused.
        replayed: how many failed, and were replayed.
        verdict: what was lost, doubled, repeated and left.
        recovery_s: the longest time from a strike until a checkpoint is complete that began after the server was
            up again, in seconds; None if nothing was struck.
        state_bytes: the largest state that a checkpoint held since the JobManager was killed last, in bytes.
        grown_mb: by how much the servers' memory grew from the tenth recovery of one server to the last, in MB;
            None if there were fewer.
    """

    fault: str
    events: int
    failed: int
    replayed: int
    verdict: Verdict
    recovery_s: float | None
    state_bytes: int
    grown_mb: float | None = None

    @property
    def is_exact(self) -> bool:
        """Whether nothing is lost, doubled or left, and the job's own judge says so too."""
        verdict = self.verdict
        return not (verdict.lost or verdict.doubled or verdict.lag or verdict.judged)


def run_fault(
    cluster: LocalCluster,
    job: Job,
    name: str,
    fault: Fault,
    seed: int,
    *,
    accounts: int,
    events: int,
    over_s: float,
) -> Outcome:
    """Stream events through a job on the cluster, while learners go on learning, and strike what the fault says.

    Args:
        cluster: with Kafka and Cassandra among its services.
        job: a fresh one, with the fault's options.
        name: what the fault is called.
        fault: what strikes.
        seed: decides accounts, events, their order, the moments and what learners do.
        accounts: how many.
        events: how many; malformed ones come on top.
        over_s: how long they are published, in seconds.
    """
    job_id = cluster.submit(job)
    wait_until(lambda: cluster.rest.checkpoints(job_id).latest_ms > 0)
    malformed = int(events * _MALFORMED)
    stream = Stream(job, seed, accounts=accounts, events=events, malformed=malformed, large=fault.large)
    learners = stream.learn(fault.clock_ahead_s)

    began = time.monotonic()
    learners.start()
    with ThreadPoolExecutor() as threads:
        publishing = threads.submit(stream.publish, over_s)
        draw = random.Random(seed)
        recovering = []
        for strikes in fault.strikes:
            at = [began + moment for moment in moments(draw, len(strikes), over_s)]
            recovering.append(threads.submit(_strike_in_turn, cluster, job, job_id, strikes, at, seed))
        publishing.result()
        # Strikes need work under way: a Python worker that is killed in an idle job is not started anew.
        while wait(recovering, timeout=_REPEAT_EVERY_S).not_done:
            with suppress(KafkaError):  # it may be Kafka that is down
                stream.repeat_one()
        recovered = [strikes.result() for strikes in recovering]
    learners.stop()
    _wait_until_drained(job)
    stream.repeat_for_learners()
    _wait_until_drained(job)

    refused = malformed + fault.large
    replayed = 0
    if fault.fails:
        replayed = len(job.failed()) - refused
        job.replay()
        _wait_until_drained(job)
    verdict = stream.verdict(replayed)
    state_bytes = cluster.rest.checkpoints(job_id).largest_bytes
    cluster.cancel_jobs()
    return Outcome(
        name,
        events + refused,
        refused,
        replayed,
        verdict,
        max((one.longest_s for one in recovered), default=None),
        state_bytes=state_bytes,
        grown_mb=max((one.grown_mb for one in recovered if one.grown_mb is not None), default=None),
    )


@dataclass(frozen=True)
class _Recoveries:
    """How the job recovered from strikes, one after the other; times in seconds, memory as in Outcome."""

    longest_s: float
    grown_mb: float | None


def _strike_in_turn(
    cluster: LocalCluster, job: Job, job_id: str, strikes: Sequence[Strike], at: Sequence[float], seed: int
) -> _Recoveries:
    """Strike one after the other, each when the job has recovered."""
    draw = random.Random(seed)
    longest_s, kept = 0.0, []
    for strike, moment in zip(strikes, at, strict=True):
        time.sleep(max(0.0, moment - time.monotonic()))
        struck = time.monotonic()
        strike.strike(cluster, job, draw)
        up_ms = time.time() * 1000
        wait_until(partial(_checkpoint_began_after, cluster, job_id, up_ms), _RECOVERED_WITHIN_S)
        longest_s = max(longest_s, time.monotonic() - struck)
        if len(strikes) > _WARM_AFTER:
            kept.append(kept_mb(cluster))
    return _Recoveries(longest_s, kept[-1] - kept[_WARM_AFTER - 1] if kept else None)


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
