"""The job itself on the workload, measured from outside: times of Kafka and Cassandra, and processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cassandra.cluster import Session

from benchmarks.flink_job import job_on_flink
from benchmarks.measure import PYTHON, Sampler
from benchmarks.options import BenchOptions
from benchmarks.phases import Phase
from benchmarks.processes import started, wait_for
from benchmarks.py_spy import PySpy
from benchmarks.services import BenchServices
from benchmarks.topics import Event, Topics
from local.run import pipeline_command
from local.schema import KEYSPACE
from transforms.store.merge_log import MERGE_LOG_TABLE

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """What a run of the job gave.

    Attributes:
        phase: the merging.
        whole: from the start of the command to its end; None for a job that goes on.
        latencies_s: from the publishing of each event to its last sync request, at half of the phase's rate; None
            where events are not merged as they come.
        completions_s: when each event was done, from the start of the phase on.
    """

    phase: Phase
    whole: Phase | None
    latencies_s: list[float] | None
    completions_s: list[float]


def run_directly(
    services: BenchServices,
    session: Session,
    sampler: Sampler,
    options: BenchOptions,
    events: Sequence[Event],
    *,
    rows_per_event: float,
    spy: PySpy | None = None,
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
    command = pipeline_command(services.settings, "--runner=DirectRunner", *options.pipeline_options)
    began = time.time()
    with started(command, services.settings.logs_dir / "pipeline.log") as process:
        sampler.add(process.pid, PYTHON)
        if spy:
            _wait_for_merges(session, process)
            spy.start(process.pid)
        wait_for(process, services.settings.logs_dir / "pipeline.log", events=len(events))
    ended = time.time()
    if spy:
        spy.stop()
    done = topics.completions(start_offset, events, options.shape.enrolments_after)
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
    options: BenchOptions,
    warm_up: Sequence[Event],
    events: Sequence[Event],
    paced: Sequence[Event],
    *,
    rows_per_event: float,
    spy: PySpy | None = None,
) -> PipelineRun:
    """Submit the job to the Flink cluster, warm it up, publish the events at once, then others at half that rate.

    Args:
        services: what is up.
        sampler: is to sample the cluster.
        options: what is measured.
        warm_up: merged first, and not counted.
        events: published at once, for the rate: from the first one's publishing to the last sync request.
            Bundles let go of their outputs all at once, so that the time between two outputs says nothing of the
            work between them; only the whole interval is sure to hold the work of its events.
        paced: for the latency; as many of them are used as are needed.
        rows_per_event: rows read and written for an event.
        spy: samples the stacks of the worker while the events are merged, if there is one.

    Raises:
        LocalError: if the job cannot be submitted, or does not merge all events.
    """
    with job_on_flink(services, sampler, options) as job:
        job.merge(warm_up)
        if spy:
            spy.start_in_busiest_child(services.flink[-1].pid or 0)
        burst = job.merge(events)
        if spy:
            spy.stop()
        began, ended = min(burst.published.values()), max(burst.done.values())
        phase = Phase.of(sampler, began, ended, events=len(events), rows=len(events) * rows_per_event)
        per_s = phase.events_per_s / 2
        in_turn = job.merge(paced[: round(per_s * options.paced_s)], per_s=per_s)
    return PipelineRun(
        phase=phase,
        whole=None,
        latencies_s=in_turn.latencies_s or None,
        completions_s=sorted(time_ - began for time_ in burst.done.values()),
    )


def _wait_for_merges(session: Session, process: subprocess.Popen[bytes]) -> None:
    """Wait for the first row of the merge log, or for the end of the process."""
    while (
        process.poll() is None
        and not session.execute(f"SELECT userid FROM {KEYSPACE}.{MERGE_LOG_TABLE} LIMIT 1").one()
    ):
        time.sleep(_POLL_S)


def _first_merge(session: Session, since: float) -> float:
    """The time of the first row of the merge log, by its write time, in s since the epoch."""
    log = session.execute(f"SELECT writetime(mid) FROM {KEYSPACE}.{MERGE_LOG_TABLE}")
    return float(min(at / 1e6 for (at,) in log if at / 1e6 >= since))
