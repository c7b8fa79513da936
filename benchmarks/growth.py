"""bench growth: what a row costs as accounts grow, and what a merge costs as one account receives many.

The whole graph merges, on DirectRunner in a process of its own, with its events from memory and its outputs to
nowhere: Kafka, whose share does not grow with an account, is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cassandra.cluster import Session
from matplotlib import pyplot as plt
from rich.table import Table

from benchmarks.account_rows import Rows
from benchmarks.driver import connect
from benchmarks.loading import load
from benchmarks.measure import CASSANDRA, PYTHON
from benchmarks.merger import Merger, merger_process
from benchmarks.report import COLOURS, save
from benchmarks.services import BenchServices, running_services
from benchmarks.workload import Pair, Shape, Workload
from local.console import step
from local.settings import LocalSettings

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 50_000)
"""Content rows of each of the two accounts."""

_CONTENTS = 20
_SHARED = 0.4
_ROWS_A_SIZE = 50_000
_LEAST_EVENTS = 2
_WARM_UP = 100

_HOT_COURSES = 40
_HOT_MERGES_A_POINT = 50


@dataclass(frozen=True, slots=True)
class SizePoint:
    """Accounts of one size.

    Attributes:
        rows: content rows of each account.
        events: merges measured.
        us_per_row: elapsed time by the content rows of both accounts, in µs.
        python_cpu_us_per_row: CPU time of Python likewise.
        cassandra_cpu_us_per_row: CPU time of Cassandra likewise.
        peak_mb: the largest resident memory of the Python process.
    """

    rows: int
    events: int
    us_per_row: float
    python_cpu_us_per_row: float
    cassandra_cpu_us_per_row: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class HotPoint:
    """A stretch of the merges into one account.

    Attributes:
        merges: how many the account has received at the end of it.
        ms_per_merge: elapsed time.
        python_cpu_ms_per_merge: CPU time of Python.
        cassandra_cpu_ms_per_merge: CPU time of Cassandra.
        peak_mb: the largest resident memory of the Python process within it.
    """

    merges: int
    ms_per_merge: float
    python_cpu_ms_per_merge: float
    cassandra_cpu_ms_per_merge: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Both curves."""

    sizes: list[SizePoint]
    hot: list[HotPoint]

    def as_json(self) -> dict[str, Any]:
        """All points."""
        return asdict(self)


def growth(shared: LocalSettings, *, sizes: Sequence[int], merges: int, seed: int) -> Growth:
    """Measure both curves, on services of their own.

    Args:
        shared: the settings of the user.
        sizes: content rows of each account, a point each.
        merges: how many the hot account receives.
        seed: of the workload.

    Raises:
        LocalError: if a service does not come up, or a merge fails.
    """
    with running_services(shared, flink=False) as services, connect(services.settings) as session:
        points = []
        for rows in sizes:
            with step(f"Accounts of {rows:,} rows", f"Accounts of {rows:,} rows are measured"):
                points.append(_measure_size(services, session, rows, seed))
        with step(f"{merges:,} merges into one account", f"{merges:,} merges into one account are measured"):
            hot = _measure_hot(services, session, merges, seed)
        return Growth(points, hot)


def shape_of(rows: int) -> Shape:
    """Accounts of so many content rows each, in proportions as in the default shape."""
    enrolments = max(1, rows // _CONTENTS)
    shared = round(enrolments * _SHARED)
    return Shape(enrolments, _CONTENTS, shared, enrolments - shared)


def growth_tables(growth: Growth) -> tuple[Table, Table]:
    """Both curves in numbers."""
    sizes = Table("content rows", "events", "µs a row", "CPU µs: python", "cassandra", "peak MB")
    for size in growth.sizes:
        costs = (size.us_per_row, size.python_cpu_us_per_row, size.cassandra_cpu_us_per_row)
        sizes.add_row(
            f"{size.rows:,}", f"{size.events:,}", *(f"{cost:.1f}" for cost in costs), f"{size.peak_mb:,.0f}"
        )
    hot = Table("merges received", "ms a merge", "CPU ms: python", "cassandra", "peak MB")
    for point in growth.hot:
        costs = (point.ms_per_merge, point.python_cpu_ms_per_merge, point.cassandra_cpu_ms_per_merge)
        hot.add_row(f"{point.merges:,}", *(f"{cost:.1f}" for cost in costs), f"{point.peak_mb:,.0f}")
    return sizes, hot


def growth_picture(growth: Growth, path: Path) -> Path:
    """Draw both curves, cost above and memory below; returns the file."""
    _, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    rows = [point.rows for point in growth.sizes]
    merges = [point.merges for point in growth.hot]
    costs, memory, hot, hot_memory = axes.flat
    costs.plot(rows, [p.us_per_row for p in growth.sizes], "k.-", label="elapsed")
    costs.plot(
        rows, [p.python_cpu_us_per_row for p in growth.sizes], ".-", color=COLOURS[PYTHON], label="CPU python"
    )
    costs.plot(
        rows,
        [p.cassandra_cpu_us_per_row for p in growth.sizes],
        ".-",
        color=COLOURS[CASSANDRA],
        label="CPU cassandra",
    )
    hot.plot(merges, [p.ms_per_merge for p in growth.hot], "k.-", label="elapsed")
    hot.plot(
        merges, [p.python_cpu_ms_per_merge for p in growth.hot], ".-", color=COLOURS[PYTHON], label="CPU python"
    )
    hot.plot(
        merges,
        [p.cassandra_cpu_ms_per_merge for p in growth.hot],
        ".-",
        color=COLOURS[CASSANDRA],
        label="CPU cassandra",
    )
    memory.plot(rows, [p.peak_mb for p in growth.sizes], ".-", color=COLOURS[PYTHON])
    hot_memory.plot(merges, [p.peak_mb for p in growth.hot], ".-", color=COLOURS[PYTHON])
    for plot, title in ((costs, "µs a content row"), (memory, "peak MB of the Python process")):
        plot.set(title=title, xlabel="content rows of each account", xscale="log", ylim=(0, None))
    for plot, title in ((hot, "ms a merge"), (hot_memory, "peak MB of the Python process")):
        plot.set(title=title, xlabel="merges that one account received", ylim=(0, None))
    costs.legend()
    hot.legend()
    return save(path)


def _measure_size(services: BenchServices, session: Session, rows: int, seed: int) -> SizePoint:
    shape = shape_of(rows)
    workload = Workload(shape, seed)
    events = max(_LEAST_EVENTS, _ROWS_A_SIZE // rows)
    pairs = list(workload.pairs(f"size-{rows}", events))
    load(session, pairs)
    with merger_process(services) as merger, merger.sampler:
        _warm_up(merger, session, seed, f"warm-up-{rows}")
        services.settle()
        began, ended = merger.merge([pair.event() for pair in pairs])
        cpu = merger.sampler.cpu_ms(began, ended)
        peak = merger.sampler.peak_mb(began, ended)[PYTHON]
    all_rows = events * _CONTENTS * (2 * shape.enrolments)
    return SizePoint(
        rows,
        events,
        1e6 * (ended - began) / all_rows,
        1e3 * cpu[PYTHON] / all_rows,
        1e3 * cpu[CASSANDRA] / all_rows,
        peak,
    )


def _measure_hot(services: BenchServices, session: Session, merges: int, seed: int) -> list[HotPoint]:
    # Few courses, so that the account itself is soon as large as it gets: what goes on growing is its ledger.
    workload = Workload(Shape(), seed, courses=_HOT_COURSES)
    primary = workload.pair("hot", 0).to_account
    none: Rows = {}

    def pairs() -> Iterator[Pair]:
        for number, pair in enumerate(workload.pairs("hot", merges)):
            yield Pair(pair.from_account, primary, pair.from_rows, none if number else pair.to_rows)

    load(session, pairs())
    messages = [pair.event() for pair in pairs()]
    points = []
    with merger_process(services) as merger, merger.sampler:
        _warm_up(merger, session, seed, "warm-up-hot")
        services.settle()
        for start in range(0, merges, _HOT_MERGES_A_POINT):
            part = messages[start : start + _HOT_MERGES_A_POINT]
            began, ended = merger.merge(part)
            cpu, peak = merger.sampler.cpu_ms(began, ended), merger.sampler.peak_mb(began, ended)
            points.append(
                HotPoint(
                    start + len(part),
                    1e3 * (ended - began) / len(part),
                    cpu[PYTHON] / len(part),
                    cpu[CASSANDRA] / len(part),
                    peak[PYTHON],
                )
            )
    return points


def _warm_up(merger: Merger, session: Session, seed: int, group: str) -> None:
    pairs = list(Workload(Shape(), seed).pairs(group, _WARM_UP))
    load(session, pairs)
    merger.merge([pair.event() for pair in pairs])
