"""Results as a table for the eye, a picture for the documentation and JSON for scripts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from rich.table import Table

from benchmarks.bench import BenchResult
from benchmarks.latency import PERCENTS, LatencyResult, cores
from benchmarks.measure import CASSANDRA, JVM, KAFKA, KINDS, PYTHON
from benchmarks.phases import Phase, percentile

mpl.use("agg")  # there may be no display

COLOURS = {PYTHON: "#3572a5", JVM: "#b07219", CASSANDRA: "#1287b1", KAFKA: "#777777"}


def result_file(folder: Path, name: str) -> Path:
    """Where a result goes: a new file each time, so that before and after can be compared.

    Args:
        folder: the folder of all data, in which results have one of their own.
        name: what was measured.

    Returns:
        the path without its suffix.
    """
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    return results / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def write_json(path: Path, result: dict[str, Any]) -> Path:
    """Write a result; returns the file."""
    file = path.with_name(f"{path.name}.json")
    file.write_text(json.dumps(result, indent=2) + "\n")
    return file


def bench_table(result: BenchResult) -> Table:
    """Floor, baseline and pipeline side by side."""
    options = result.options
    phases = (result.baseline, result.floor, result.pipeline.phase)
    table = Table(
        "",
        *("baseline", "floor", f"pipeline on {options.runner}"),
        title=f"{options.events:,} events, parallelism {options.parallelism}, ledger on",
        caption=_caption(result),
    )
    table.add_row("events/s", *(f"{phase.events_per_s:,.1f}" for phase in phases))
    table.add_row("rows/s, read and written", *(f"{phase.rows_per_s:,.0f}" for phase in phases))
    for kind in KINDS:
        table.add_row(f"CPU ms an event: {kind}", *(_ms(phase, kind) for phase in phases))
    for kind in KINDS:
        table.add_row(f"peak MB: {kind}", *(_mb(phase, kind) for phase in phases))
    for percent in (50, 95, 99):
        latency = result.latency_s(percent)
        table.add_row(f"latency p{percent}, s", "", "", "-" if latency is None else f"{latency:.2f}")
    table.add_section()
    table.add_row("events/s, pipeline to", f"{result.ratio_to_baseline:.2f}", f"{result.ratio_to_floor:.2f}", "")
    table.add_row("CPU of Python and Cassandra, floor to", "", "", f"{result.cpu_ratio_to_floor:.2f}")
    table.add_row("CPU of Python, floor to", "", "", f"{result.python_cpu_ratio_to_floor:.2f}")
    table.add_row("CPU of Cassandra, pipeline to", f"{result.cassandra_cpu_ratio_to_baseline:.2f}", "", "")
    return table


def bench_picture(result: BenchResult, path: Path) -> Path:
    """Draw throughput, CPU and latency; returns the file."""
    phases = {"baseline": result.baseline, "floor": result.floor, "pipeline": result.pipeline.phase}
    figure, (rates, cpu, times) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    bars = rates.bar(list(phases), [phase.events_per_s for phase in phases.values()], color=COLOURS[CASSANDRA])
    rates.bar_label(bars, fmt="%.0f")
    rates.set_title("events/s")
    bottom = [0.0] * len(phases)
    for kind in KINDS:
        heights = [phase.cpu_ms_per_event(kind) for phase in phases.values()]
        cpu.bar(list(phases), heights, bottom=bottom, color=COLOURS[kind], label=kind)
        bottom = [b + h for b, h in zip(bottom, heights, strict=True)]
    cpu.set_title("CPU ms an event")
    cpu.legend()
    _draw_times(result, times)
    figure.suptitle(
        f"{result.options.runner}, parallelism {result.options.parallelism}: "
        f"{result.ratio_to_floor:.2f} of the floor, {result.ratio_to_baseline:.1f} times the baseline"
    )
    return save(path)


def latency_table(result: LatencyResult) -> Table:
    """What one event waits, beside the floor, and what the job takes."""
    options = result.options
    loads = " and ".join(f"{load:.1f}" for load in result.loads)
    table = Table(
        "",
        *("floor", "pipeline", "ratio"),
        title=f"{len(result.pipeline_s):,} events, {result.per_s:g} a second, parallelism {options.parallelism}",
        caption=f"load average {loads}",
    )
    for percent in PERCENTS:
        floor, pipeline = (percentile(values, percent) * 1_000 for values in (result.floor_s, result.pipeline_s))
        table.add_row(f"latency p{percent}, ms", f"{floor:.0f}", f"{pipeline:.0f}", f"{pipeline / floor:.1f}")
    table.add_section()
    for kind in KINDS:
        table.add_row(f"% of a core at rest: {kind}", "", f"{100 * cores(result.rest, kind):.1f}", "")
    for kind in KINDS:
        table.add_row(f"% of a core at this rate: {kind}", "", f"{100 * cores(result.trickle, kind):.1f}", "")
    for kind in KINDS:
        table.add_row(f"peak MB: {kind}", "", f"{result.trickle.peak_mb[kind]:,.0f}", "")
    return table


def latency_picture(result: LatencyResult, path: Path) -> Path:
    """Draw how many of the events are done after which time; returns the file."""
    _, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, values, kind in (("floor", result.floor_s, CASSANDRA), ("pipeline", result.pipeline_s, PYTHON)):
        share = [100 * (n + 1) / len(values) for n in range(len(values))]
        axes.plot([value * 1_000 for value in sorted(values)], share, color=COLOURS[kind], label=name)
    for percent in PERCENTS:
        axes.axhline(percent, color="#cccccc", linewidth=0.5)
    axes.set_xlim(left=0)
    axes.set_ylabel("% of events")
    axes.set_xlabel("ms from its publishing to its last sync request")
    axes.set_title(f"Latency at {result.per_s:g} events a second")
    axes.legend()
    return save(path)


def save(path: Path) -> Path:
    """Write the current figure; returns the file."""
    file = path.with_name(f"{path.name}.png")
    plt.savefig(file, dpi=120)
    plt.close()
    return file


def _draw_times(result: BenchResult, axes: Axes) -> None:
    latencies = result.pipeline.latencies_s
    values = sorted(latencies if latencies is not None else result.pipeline.completions_s)
    axes.plot(values, [100 * (n + 1) / len(values) for n in range(len(values))], color=COLOURS[PYTHON])
    axes.set_ylabel("% of events")
    if latencies is None:
        axes.set_title("done, s after the start")
        return
    for percent in (50, 95, 99):
        axes.axhline(percent, color="#cccccc", linewidth=0.5)
    axes.set_title("latency at half of the rate, s")


def _caption(result: BenchResult) -> str:
    before, after = result.floor_halves
    loads = " and ".join(f"{load:.1f}" for load in result.loads)
    caption = f"floor before and after the pipeline: {before:.0f} and {after:.0f} events/s; load average {loads}"
    if whole := result.pipeline.whole:
        caption += f"; with the start and the end of Java, the pipeline took {whole.seconds:.0f} s"
    return caption


def _ms(phase: Phase, kind: str) -> str:
    return f"{phase.cpu_ms_per_event(kind):.2f}"


def _mb(phase: Phase, kind: str) -> str:
    return f"{phase.peak_mb[kind]:,.0f}"
