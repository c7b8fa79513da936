"""bench --latency: what one event waits when events come alone, and what the job takes at rest."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cassandra.cluster import Session
from kafka import KafkaProducer

from benchmarks.driver import connect
from benchmarks.flink_job import job_on_flink
from benchmarks.floor import Floor
from benchmarks.loading import load
from benchmarks.measure import KINDS, Sampler
from benchmarks.options import BenchOptions
from benchmarks.phases import Phase, percentile
from benchmarks.plan import PlannedMerge, plan
from benchmarks.services import BenchServices, running_services
from benchmarks.topics import events_of
from benchmarks.workload import Workload
from local.console import step
from local.settings import LocalSettings
from local.topics import SYNC_TOPIC

PERCENTS = (50, 95, 99)
_WARM_UP = 2
"""Events come alone so many times as long before it counts: Java compiles what they pass, at rest too."""


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """What a run measured.

    Attributes:
        options: what was asked for.
        per_s: events a second.
        floor_s: of each event, from its start to the broker's answer to its last sync request, by driver and
            producer alone, one event at a time, before and after the pipeline.
        pipeline_s: of each event, from its publishing to its last sync request.
        trickle: what the pipeline took while these events came.
        rest: what it took while none came.
        loads: the load average before and after the measuring.
    """

    options: BenchOptions
    per_s: float
    floor_s: list[float]
    pipeline_s: list[float]
    trickle: Phase
    rest: Phase
    loads: tuple[float, float]

    @property
    def ratio_to_floor(self) -> float:
        """The median of the pipeline by that of the floor."""
        return percentile(self.pipeline_s, 50) / percentile(self.floor_s, 50)

    def as_json(self) -> dict[str, Any]:
        """All results, flat where a script is likely to look."""
        latencies = {"floor": self.floor_s, "pipeline": self.pipeline_s}
        return {
            "p50_ratio_to_floor": self.ratio_to_floor,
            **{
                f"{name}_p{percent}_s": percentile(values, percent)
                for name, values in latencies.items()
                for percent in PERCENTS
            },
            "events_per_s": self.per_s,
            "cores_at_rest": {kind: cores(self.rest, kind) for kind in KINDS},
            "cores_at_this_rate": {kind: cores(self.trickle, kind) for kind in KINDS},
            "cpu_ms_per_event": {kind: self.trickle.cpu_ms_per_event(kind) for kind in KINDS},
            "peak_mb": self.trickle.peak_mb,
            "latencies_s": latencies,
            "load_average_before_and_after": self.loads,
            "options": asdict(self.options),
        }


def cores(phase: Phase, kind: str) -> float:
    """How much of one core processes of a kind took on average."""
    return phase.cpu_ms[kind] / 1_000 / phase.seconds


def latency(shared: LocalSettings, options: BenchOptions, per_s: float) -> LatencyResult:
    """Start services and the job, and let events come one after the other.

    Args:
        shared: the settings of the user.
        options: `paced_s` says how long events come, and how long none do.
        per_s: how many events a second.

    Raises:
        LocalError: if a service does not come up, or the pipeline fails.
    """
    workload, warm_up, count = Workload(options.shape, options.seed), 100, round(options.paced_s * per_s)
    counts = {"floor": 2 * count, "burst": warm_up, "warm-up": _WARM_UP * count, "pipeline": count}
    with (
        running_services(shared, flink=True, nodes=options.nodes) as services,
        connect(services.settings, services.hosts) as session,
        Sampler(services.kinds) as sampler,
    ):
        with step("Loading accounts", "The accounts are loaded"):
            for group, number in counts.items():
                load(session, workload.pairs(group, number))
        planned = [plan(pair, int(time.time() * 1000)) for pair in workload.pairs("floor", counts["floor"])]
        floor = _Floor(session, services, options.shape.enrolments_after)
        floor.merge(planned[:20], per_s)
        events = {group: events_of(workload.pairs(group, number)) for group, number in counts.items()}
        load_before = os.getloadavg()[0]
        with step("Measuring the floor", "The floor is measured, half 1 of 2"):
            floor_s = floor.merge(planned[20:count], per_s)
        with (
            step("Measuring the pipeline", "The pipeline is measured"),
            job_on_flink(services, sampler, options) as job,
        ):
            job.merge(events["burst"])
            job.merge(events["warm-up"], per_s=per_s)
            services.settle()
            began = time.time()
            time.sleep(options.paced_s)
            rest = Phase.of(sampler, began, time.time(), events=0, rows=0)
            merged = job.merge(events["pipeline"], per_s=per_s)
            times = *merged.published.values(), *merged.done.values()
            trickle = Phase.of(sampler, min(times), max(times), events=count, rows=0)
        with step("Measuring the floor", "The floor is measured, half 2 of 2"):
            floor_s += floor.merge(planned[count:], per_s)
        loads = load_before, os.getloadavg()[0]
        return LatencyResult(options, per_s, floor_s, merged.latencies_s, trickle, rest, loads)


class _Floor:
    """Merges one event at a time: the floor's reads and writes, and the publishing of the sync requests."""

    def __init__(self, session: Session, services: BenchServices, requests: int) -> None:
        self._floor, self._address = Floor(session), services.settings.kafka_address
        self._requests = requests

    def merge(self, events: Sequence[PlannedMerge], per_s: float) -> list[float]:
        """Merge events, each at its time; returns how long each took, in seconds."""
        took, began = [], time.time()
        producer = KafkaProducer(bootstrap_servers=self._address, acks="all", linger_ms=0)
        try:
            for number, event in enumerate(events):
                time.sleep(max(0.0, began + number / per_s - time.time()))
                started = time.time()
                self._floor.merge([event])
                for _ in range(self._requests):
                    producer.send(SYNC_TOPIC, event.pair.event())  # as long as a request, or a little longer
                producer.flush()
                took.append(time.time() - started)
        finally:
            producer.close()
        return took
