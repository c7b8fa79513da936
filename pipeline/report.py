"""What a run has done, from its Beam metrics, as a table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from apache_beam.metrics import MetricsFilter
from apache_beam.runners.runner import PipelineResult
from rich.table import Table

from transforms.metrics import FOLLOW_UPS, MERGE_LATENCY_BUCKETS, NAMESPACE, TOTAL_EVENTS


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution: count, sum, least and largest."""

    count: int
    sum: int
    min: int
    max: int

    def __add__(self, other: Spread) -> Spread:
        return Spread(
            self.count + other.count,
            self.sum + other.sum,
            min(self.min, other.min),
            max(self.max, other.max),
        )

    def __str__(self) -> str:
        return f"mean {self.sum / self.count:,.0f}, min {self.min:,}, max {self.max:,}"


@dataclass(slots=True)
class RunMetrics:
    """The job's counters and distributions by name, of one pass or of several together."""

    counters: Counter[str] = field(default_factory=Counter)
    distributions: dict[str, Spread] = field(default_factory=dict)

    @classmethod
    def of(cls, result: PipelineResult) -> RunMetrics:
        """The metrics of a finished pipeline."""
        metrics = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
        return cls(
            Counter(
                {
                    m.key.metric.name: m.result
                    for m in metrics["counters"]
                    # The distribution says the same here.
                    if not m.key.metric.name.startswith(MERGE_LATENCY_BUCKETS)
                }
            ),
            {
                m.key.metric.name: Spread(m.result.count, m.result.sum, m.result.min, m.result.max)
                for m in metrics["distributions"]
                if m.result.count
            },
        )

    @property
    def total(self) -> int:
        """Records read."""
        return self.counters[TOTAL_EVENTS]

    @property
    def follow_ups(self) -> int:
        """Follow-up events published."""
        return self.counters[FOLLOW_UPS]

    def __iadd__(self, other: RunMetrics) -> RunMetrics:
        self.counters.update(other.counters)
        for name, spread in other.distributions.items():
            self.distributions[name] = self.distributions[name] + spread if name in self.distributions else spread
        return self

    def table(self) -> Table:
        """A table with a line for each metric."""
        table = Table("metric", "value", title="Metrics of the run")
        for name in sorted(self.counters):
            table.add_row(name, f"{self.counters[name]:,}")
        for name in sorted(self.distributions):
            table.add_row(name, str(self.distributions[name]))
        return table
