"""What a benchmark is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.workload import Shape

DIRECT, FLINK = "DirectRunner", "FlinkRunner"


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What to measure.

    Attributes:
        runner: DIRECT or FLINK.
        parallelism: of the job on Flink, and as many processes of the floor and of the baseline.
        events: events of the pipeline, and of the floor.
        baseline_events: events of the baseline, which is slow.
        warm_up: events of each that are merged first and not counted.
        paced_s: how long events are published at an even rate, for the latency, on Flink.
        shape: the sizes of the accounts.
        seed: of the workload.
        nodes: of Cassandra; each has all rows.
        pipeline_options: more options of the pipeline.
    """

    runner: str
    parallelism: int
    events: int
    baseline_events: int
    warm_up: int
    paced_s: float
    shape: Shape
    seed: int
    nodes: int = 1
    pipeline_options: tuple[str, ...] = ()


def on_flink(options: BenchOptions) -> bool:
    """Whether the job runs on a Flink cluster."""
    return options.runner == FLINK
