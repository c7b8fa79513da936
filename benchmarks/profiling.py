"""bench profile: where the Python of the job spends its time, as a flame graph and as a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import NamedTuple

from rich.table import Column, Table

from benchmarks.driver import connect
from benchmarks.loading import load
from benchmarks.measure import CASSANDRA, Sampler
from benchmarks.options import BenchOptions, on_flink
from benchmarks.pipeline_runs import PipelineRun, run_directly, run_on_flink
from benchmarks.plan import rows_per_event
from benchmarks.py_spy import SAMPLES_A_S, PySpy
from benchmarks.services import running_services
from benchmarks.topics import events_of
from benchmarks.workload import Workload
from local.console import step
from local.settings import LocalSettings

_SHOWN = 25
_FRAME = re.compile(
    r"<title>(?P<name>[^<]*) \((?P<samples>[\d,]+) samples?, [^<]*</title>"
    r'<rect [^>]*y="(?P<y>\d+)"[^>]* fg:x="(?P<start>\d+)" fg:w="(?P<width>\d+)"'
)
_FRAME_HEIGHT = 16


class Frame(NamedTuple):
    """A box of the flame graph.

    Attributes:
        name: the function and its file.
        depth: how far from the root.
        start: the number of its first sample.
        width: how many samples it has.
    """

    name: str
    depth: int
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What a flame graph says of functions, in samples.

    Attributes:
        own: by function, those in which it was on top of the stack.
        total: by function, those in which it was anywhere on it.
        samples: all of them.
    """

    own: Counter[str]
    total: Counter[str]
    samples: int


def read_flame_graph(svg: str) -> Profile:
    """Read a flame graph of py-spy."""
    frames = [
        Frame(unescape(m["name"]), int(m["y"]) // _FRAME_HEIGHT, int(m["start"]), int(m["width"]))
        for m in _FRAME.finditer(svg)
    ]
    return profile_of(frames)


def profile_of(frames: Iterable[Frame]) -> Profile:
    """Add up frames, the root among them.

    Raises:
        ValueError: if there is no frame.
    """
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    samples = 0
    stack: list[Frame] = []
    for frame in sorted(frames, key=lambda frame: (frame.start, frame.depth)):
        while stack and stack[-1].depth >= frame.depth:
            stack.pop()
        own[frame.name] += frame.width
        if stack:
            own[stack[-1].name] -= frame.width
        else:
            samples += frame.width
        if all(parent.name != frame.name for parent in stack):
            total[frame.name] += frame.width
        stack.append(frame)
    if not samples:
        msg = "The flame graph has no frames."
        raise ValueError(msg)
    return Profile(own, total, samples)


def profile(shared: LocalSettings, options: BenchOptions, picture: Path) -> tuple[Profile, PipelineRun]:
    """Merge a workload and sample the stacks of the Python process that merges.

    On DirectRunner from the first merge to the end of the command, on Flink, in the worker, from the publishing of
    the events until all are merged; what came before is warm-up.

    Raises:
        LocalError: if a service does not come up, the pipeline fails, or py-spy may not sample it.
    """
    workload = Workload(options.shape, options.seed)
    warm_up = options.warm_up if on_flink(options) else 0
    spy = PySpy(picture)
    with running_services(shared, flink=on_flink(options)) as services, connect(services.settings) as session:
        with step("Loading accounts", "The accounts are loaded"):
            load(session, workload.pairs("warm-up", warm_up))
            load(session, workload.pairs("pipeline", options.events))
        events, rows = events_of(workload.pairs("pipeline", options.events)), rows_per_event(workload)
        with Sampler({services.cassandra.pid or 0: CASSANDRA}) as sampler, step("Merging", "Everything is merged"):
            if on_flink(options):
                run = run_on_flink(
                    services,
                    sampler,
                    options,
                    events_of(workload.pairs("warm-up", warm_up)),
                    events,
                    (),
                    rows_per_event=rows,
                    spy=spy,
                )
            else:
                run = run_directly(services, session, sampler, options, events, rows_per_event=rows, spy=spy)
    return read_flame_graph(picture.read_text()), run


def profile_table(profile: Profile, events: int) -> Table:
    """The functions with the most time of their own, for an event."""
    table = Table(
        Column("own ms", justify="right"),
        Column("total ms", justify="right"),
        "function",
        title=f"Time an event, of {_ms(profile.samples, events):.2f} ms in all",
    )
    for name, samples in profile.own.most_common(_SHOWN):
        table.add_row(f"{_ms(samples, events):.3f}", f"{_ms(profile.total[name], events):.3f}", name)
    return table


def profile_as_json(profile: Profile, events: int) -> dict[str, object]:
    """All functions, ms for an event."""
    return {
        "ms_per_event": _ms(profile.samples, events),
        "functions": {
            name: {"own_ms": _ms(samples, events), "total_ms": _ms(profile.total[name], events)}
            for name, samples in profile.own.most_common()
        },
    }


def _ms(samples: int, events: int) -> float:
    return 1000 * samples / SAMPLES_A_S / events
