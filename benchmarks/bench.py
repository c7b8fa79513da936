"""bench: the job beside the floor and the baseline, in one run, on accounts of one shape."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from cassandra.cluster import Session

from benchmarks.baseline import Baseline
from benchmarks.contenders import Contender, Contenders, contenders
from benchmarks.driver import connect
from benchmarks.floor import Floor
from benchmarks.loading import load
from benchmarks.measure import CASSANDRA, JVM, KAFKA, KINDS, PYTHON, Sampler
from benchmarks.options import BenchOptions, on_flink
from benchmarks.phases import Phase, percentile, together
from benchmarks.pipeline_runs import PipelineRun, run_directly, run_on_flink
from benchmarks.plan import rows_per_event
from benchmarks.services import BenchServices, running_services
from benchmarks.topics import events_of
from benchmarks.workload import Pair, Workload
from local.console import step
from local.settings import LocalSettings


@dataclass(frozen=True, slots=True)
class BenchResult:
    """What a run measured.

    Attributes:
        options: what was asked for.
        floor: both halves of it, before and after the pipeline.
        baseline: both halves of it, likewise.
        pipeline: the job.
        floor_halves: events a second of each half of the floor: how much the machine changed meanwhile.
        loads: the load average before and after the measuring.
    """

    options: BenchOptions
    floor: Phase
    baseline: Phase
    pipeline: PipelineRun
    floor_halves: tuple[float, float]
    loads: tuple[float, float]

    @property
    def ratio_to_floor(self) -> float:
        """The pipeline's events a second by the floor's."""
        return self.pipeline.phase.events_per_s / self.floor.events_per_s

    @property
    def ratio_to_baseline(self) -> float:
        """The pipeline's events a second by the baseline's."""
        return self.pipeline.phase.events_per_s / self.baseline.events_per_s

    @property
    def cpu_ratio_to_floor(self) -> float:
        """CPU time of Python and Cassandra an event, the floor's by the pipeline's."""
        return self.floor.merging_cpu_ms_per_event / self.pipeline.phase.merging_cpu_ms_per_event

    @property
    def python_cpu_ratio_to_floor(self) -> float:
        """CPU time of Python an event, the floor's by the pipeline's."""
        return self.floor.cpu_ms_per_event(PYTHON) / self.pipeline.phase.cpu_ms_per_event(PYTHON)

    @property
    def cassandra_cpu_ratio_to_baseline(self) -> float:
        """Cassandra's CPU time an event, the pipeline's by the baseline's."""
        phase = self.pipeline.phase
        return phase.cpu_ms_per_event(CASSANDRA) / self.baseline.cpu_ms_per_event(CASSANDRA)

    def latency_s(self, percent: float) -> float | None:
        """A percentile of the latency; None where there is none."""
        return None if self.pipeline.latencies_s is None else percentile(self.pipeline.latencies_s, percent)

    def as_json(self) -> dict[str, Any]:
        """All results, flat where a script is likely to look."""
        phase, whole = self.pipeline.phase, self.pipeline.whole
        return {
            "ratio_to_floor": self.ratio_to_floor,
            "ratio_to_baseline": self.ratio_to_baseline,
            "cpu_ratio_to_floor": self.cpu_ratio_to_floor,
            "python_cpu_ratio_to_floor": self.python_cpu_ratio_to_floor,
            "events_per_s": phase.events_per_s,
            "rows_per_s": phase.rows_per_s,
            "python_cpu_ms_per_event": phase.cpu_ms_per_event(PYTHON),
            "jvm_cpu_ms_per_event": phase.cpu_ms_per_event(JVM),
            "cassandra_cpu_ms_per_event": phase.cpu_ms_per_event(CASSANDRA),
            "kafka_cpu_ms_per_event": phase.cpu_ms_per_event(KAFKA),
            "cassandra_cpu_ratio_to_baseline": self.cassandra_cpu_ratio_to_baseline,
            "latency_p50_s": self.latency_s(50),
            "latency_p95_s": self.latency_s(95),
            "latency_p99_s": self.latency_s(99),
            "floor": _phase_as_json(self.floor),
            "baseline": _phase_as_json(self.baseline),
            "pipeline": _phase_as_json(phase),
            "pipeline_with_start_up": whole and _phase_as_json(whole),
            "floor_events_per_s_before_and_after": self.floor_halves,
            "load_average_before_and_after": self.loads,
            "options": asdict(self.options),
            "machine": {
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "system": platform.platform(),
            },
        }


def _phase_as_json(phase: Phase) -> dict[str, Any]:
    return {
        "events": phase.events,
        "seconds": phase.seconds,
        "events_per_s": phase.events_per_s,
        "rows_per_s": phase.rows_per_s,
        "cpu_ms_per_event": {kind: phase.cpu_ms_per_event(kind) for kind in KINDS},
        "peak_mb": phase.peak_mb,
    }


def bench(shared: LocalSettings, options: BenchOptions) -> BenchResult:
    """Start services, load the accounts, and measure.

    All accounts are loaded first, those of the floor, the baseline and the pipeline in turn, so that none are more
    recent; then all warm up. The baseline and the floor run in two halves, before and after the pipeline, so that
    none is favoured by a Cassandra that gets faster, or a disk that gets slower. Before each phase Cassandra is
    left to finish what it still has to do.

    Raises:
        LocalError: if a service does not come up, or the pipeline fails.
    """
    with running_services(shared, flink=on_flink(options), nodes=options.nodes) as services:
        return _Bench(services, options).run()


class _Bench:
    def __init__(self, services: BenchServices, options: BenchOptions) -> None:
        self._services, self._options = services, options
        self._workload = Workload(options.shape, options.seed)
        self._events = {
            "floor": options.warm_up + options.events,
            "baseline": options.warm_up // 2 + options.baseline_events,
            "warm-up": options.warm_up if on_flink(options) else 0,
            "pipeline": options.events,
            # At half of the rate: so many for each event of a run of which nobody knows yet how long it takes.
            "paced": options.events if on_flink(options) else 0,
        }

    def run(self) -> BenchResult:
        services, options = self._services, self._options
        with (
            connect(services.settings, services.hosts) as session,
            Sampler(services.kinds) as sampler,
            ExitStack() as undo,
        ):
            accounts = 2 * sum(self._events.values())
            with step(f"Loading {accounts:,} accounts", f"{accounts:,} accounts are loaded"):
                self._load(session)

            def start(kind: type[Contender[Any]], group: str) -> Contenders:
                return undo.enter_context(
                    contenders(
                        kind,
                        services,
                        self._workload,
                        group,
                        events=self._events[group],
                        processes=options.parallelism,
                        sampler=sampler,
                    )
                )

            floor, baseline = start(Floor, "floor"), start(Baseline, "baseline")
            with step("Planning and warming up", "Floor and baseline are warm"):
                floor.wait_prepared()
                baseline.wait_prepared()
                self._phase(floor, "floor", 0, options.warm_up, sampler)
                self._phase(baseline, "baseline", 0, options.warm_up // 2, sampler)
            load_before = os.getloadavg()[0]
            phases: dict[str, list[Phase]] = {"floor": [], "baseline": []}

            def half(number: int) -> None:
                order = [(baseline, "baseline"), (floor, "floor")]
                for one, group in order if number == 0 else reversed(order):
                    begin = self._events[group] - self._counted(group)
                    middle = begin + self._counted(group) // 2
                    bounds = (begin, middle) if number == 0 else (middle, self._events[group])
                    with step(f"Measuring the {group}", f"The {group}, half {number + 1} of 2, is measured"):
                        phases[group].append(self._phase(one, group, *bounds, sampler))

            half(0)
            with step("Measuring the pipeline", "The pipeline is measured"):
                services.settle()
                pipeline = self._run_pipeline(session, sampler)
            half(1)
            halves = phases["floor"]
            return BenchResult(
                options,
                together(halves),
                together(phases["baseline"]),
                pipeline,
                (halves[0].events_per_s, halves[1].events_per_s),
                (load_before, os.getloadavg()[0]),
            )

    def _load(self, session: Session) -> None:
        most = max(self._events.values())

        def in_turn() -> Iterator[Pair]:
            for number in range(most):
                for group, count in self._events.items():
                    # Evenly: so much of a small group as of the largest.
                    for n in range(math.ceil(number * count / most), math.ceil((number + 1) * count / most)):
                        yield self._workload.pair(group, n)

        load(session, in_turn())

    def _counted(self, group: str) -> int:
        return self._options.events if group == "floor" else self._options.baseline_events

    def _phase(self, one: Contenders, group: str, start: int, end: int, sampler: Sampler) -> Phase:
        self._services.settle()
        return one.merge(start, end, sampler, self._events[group])

    def _run_pipeline(self, session: Session, sampler: Sampler) -> PipelineRun:
        services, options, rows = self._services, self._options, rows_per_event(self._workload)
        warm_up, events, paced = (
            events_of(self._workload.pairs(group, self._events[group]))
            for group in ("warm-up", "pipeline", "paced")
        )
        if on_flink(options):
            return run_on_flink(services, sampler, options, warm_up, events, paced, rows_per_event=rows)
        return run_directly(services, session, sampler, options, events, rows_per_event=rows)
