"""The job itself on the workload, measured from outside: times of Kafka and Cassandra, and processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cassandra.cluster import Session

from benchmarks.measure import JVM, PYTHON, Sampler
from benchmarks.phases import Phase
from benchmarks.services import BenchServices
from benchmarks.topics import Event, Topics
from benchmarks.workload import Shape
from local.errors import LocalError
from local.run import pipeline_command
from local.settings import HOST, PROJECT
from pipeline.flink_cluster import FlinkCluster
from transforms.course_tables import MERGE_LOG_TABLE

_STEADY_FROM, _STEADY_TO = 0.1, 0.9
"""The part of the events of which the rate is taken, in the order of their completion."""

_LEAST_EVENTS_A_S = 2
"""Slower than this is taken for a standstill."""

_START_UP_S = 120


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """What a run of the job gave.

    Attributes:
        phase: the steady state.
        whole: from the start of the command to its end; None for a job that goes on.
        latencies_s: from the publishing of each event to its last sync request, at half of the rate of the steady
            state; None where events are not merged as they come.
        completions_s: when each event was done, from the start of the steady state on.
    """

    phase: Phase
    whole: Phase | None
    latencies_s: list[float] | None
    completions_s: list[float]


def run_directly(
    services: BenchServices,
    session: Session,
    sampler: Sampler,
    shape: Shape,
    events: Sequence[Event],
    *,
    rows_per_event: float,
    options: Sequence[str],
) -> PipelineRun:
    """Publish the events, then merge them in one pass on DirectRunner.

    The pass starts Java, reads, merges and writes one after the other. What counts as merging lies between the
    first row of the merge log, by its write time in Cassandra, and the last sync request.

    Raises:
        LocalError: if the command fails, or does not merge all events.
    """
    topics = Topics(services.settings)
    start_offset = topics.end()
    topics.publish(events)
    command = pipeline_command(services.settings, "--runner=DirectRunner", *options)
    began = time.time()
    with _started(command, services.settings.logs_dir / "pipeline.log") as process:
        sampler.add(process.pid, PYTHON)
        _wait_for(process, services.settings.logs_dir / "pipeline.log", events=len(events))
    ended = time.time()
    done = topics.completions(start_offset, events, shape.enrolments_after)
    first = _first_merge(session, since=began)
    last = max(done.values())
    rows = len(events) * rows_per_event
    return PipelineRun(
        phase=Phase.of(sampler, first, last, events=len(events), rows=rows),
        whole=Phase.of(sampler, began, ended, events=len(events), rows=rows),
        latencies_s=None,
        completions_s=sorted(at - first for at in done.values()),
    )


def run_on_flink(
    services: BenchServices,
    sampler: Sampler,
    shape: Shape,
    warm_up: Sequence[Event],
    events: Sequence[Event],
    paced: Sequence[Event],
    *,
    parallelism: int,
    paced_s: float,
    rows_per_event: float,
    options: Sequence[str],
) -> PipelineRun:
    """Submit the job to the Flink cluster, warm it up, publish the events at once, then others at half that rate.

    Args:
        services: what is up.
        sampler: is to sample the cluster.
        shape: of the accounts.
        warm_up: merged first, and not counted.
        events: published at once, for the rate: that of the middle of them, in the order of their completion.
        paced: for the latency; as many of them are used as are needed.
        parallelism: of the job.
        paced_s: how long to publish at half of the rate.
        rows_per_event: rows read and written for an event.
        options: more options of the pipeline.

    Raises:
        LocalError: if the job cannot be submitted, or does not merge all events.
    """
    topics, requests = Topics(services.settings), shape.enrolments_after
    for service in services.flink:
        sampler.add(service.pid or 0, PYTHON if service.name == "Worker-pool" else JVM)
    _submit(services, parallelism, options)

    def wait_for(count: int) -> None:
        topics.wait_for(start_offset + count * requests, _START_UP_S + count / _LEAST_EVENTS_A_S)

    start_offset = topics.end()
    topics.publish(warm_up)
    wait_for(len(warm_up))

    start_offset = topics.end()
    topics.publish(events)
    wait_for(len(events))
    done = sorted(topics.completions(start_offset, events, requests).values())
    steady = _steady(sampler, done, rows_per_event)

    per_s = steady.events_per_s / 2
    paced = paced[: max(1, min(len(paced), round(per_s * paced_s)))]
    start_offset = topics.end()
    published = topics.publish(paced, per_s=per_s)
    wait_for(len(paced))
    at = topics.completions(start_offset, paced, requests)
    _cancel(services)
    return PipelineRun(
        phase=steady,
        whole=None,
        latencies_s=[at[account] - time_ for account, time_ in published.items()],
        completions_s=[time_ - done[0] for time_ in done],
    )


def _steady(sampler: Sampler, done: Sequence[float], rows_per_event: float) -> Phase:
    first, last = int(len(done) * _STEADY_FROM), int(len(done) * _STEADY_TO) - 1
    events = last - first
    return Phase.of(sampler, done[first], done[last], events=events, rows=events * rows_per_event)


def _first_merge(session: Session, since: float) -> float:
    """The time of the first row of the merge log, by its write time, in s since the epoch."""
    log = session.execute(f"SELECT writetime(mid) FROM {MERGE_LOG_TABLE}")
    return float(min(at / 1e6 for (at,) in log if at / 1e6 >= since))


def _submit(services: BenchServices, parallelism: int, options: Sequence[str]) -> None:
    settings = services.settings
    command = pipeline_command(
        settings,
        "--runner=FlinkRunner",
        f"--flink_master={settings.flink_address}",
        f"--flink_job_server_jar={settings.flink_job_server_jar}",
        f"--environment_config={HOST}:{settings.worker_pool_port}",
        f"--parallelism={parallelism}",
        *options,
    )
    log = settings.logs_dir / "pipeline.log"
    with _started(command, log) as process:
        _wait_for(process, log, events=0)


def _cancel(services: BenchServices) -> None:
    cluster = FlinkCluster(services.settings.flink_address)
    for job in cluster.running_jobs():
        cluster.cancel(job.id)


@contextmanager
def _started(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], log: Path, *, events: int) -> None:
    timeout_s = 2 * _START_UP_S + events / _LEAST_EVENTS_A_S
    try:
        exit_code = process.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired as e:
        msg = f"The pipeline has not ended after {timeout_s:.0f} s; see {log}."
        raise LocalError(msg) from e
    if exit_code:
        msg = f"The pipeline ended with {exit_code}; see {log}."
        raise LocalError(msg)
