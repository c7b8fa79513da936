"""What one way of merging did in one phase, and phases of one way together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from benchmarks.measure import CASSANDRA, KINDS, PYTHON, Sampler


@dataclass(frozen=True, slots=True)
class Phase:
    """A number of events merged.

    Attributes:
        events: how many.
        rows: rows read and written for them.
        seconds: how long it took.
        cpu_ms: CPU time by kind of process, in ms.
        peak_mb: the largest resident memory by kind of process, in MB.
    """

    events: float
    rows: float
    seconds: float
    cpu_ms: dict[str, float]
    peak_mb: dict[str, float]

    @classmethod
    def of(cls, sampler: Sampler, start: float, end: float, *, events: float, rows: float) -> Phase:
        """What was sampled between two times (of time.time())."""
        return cls(events, rows, end - start, sampler.cpu_ms(start, end), sampler.peak_mb(start, end))

    def __add__(self, other: Phase) -> Phase:
        return Phase(
            self.events + other.events,
            self.rows + other.rows,
            self.seconds + other.seconds,
            {kind: self.cpu_ms[kind] + other.cpu_ms[kind] for kind in KINDS},
            {kind: max(self.peak_mb[kind], other.peak_mb[kind]) for kind in KINDS},
        )

    @property
    def events_per_s(self) -> float:
        """The rate of events."""
        return self.events / self.seconds

    @property
    def rows_per_s(self) -> float:
        """The rate of rows read and written."""
        return self.rows / self.seconds

    def cpu_ms_per_event(self, kind: str) -> float:
        """CPU time of a kind of process for an event."""
        return self.cpu_ms[kind] / self.events

    @property
    def merging_cpu_ms_per_event(self) -> float:
        """CPU time of Python and Cassandra together for an event."""
        return self.cpu_ms_per_event(PYTHON) + self.cpu_ms_per_event(CASSANDRA)


def together(phases: Iterable[Phase]) -> Phase:
    """Phases as if they were one."""
    return reduce(Phase.__add__, phases)


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of the values that so many percent of them do not exceed; raises ValueError if there is none."""
    if not values:
        msg = "There is no percentile of nothing."
        raise ValueError(msg)
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1).__int__()]
