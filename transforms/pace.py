"""How fast events are read, where somebody wants less than the job can do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

_MOST_BEHIND_S = 1.0
"""Up to so much time that was lost, between two bundles say, is made up for."""


class Pace:
    """Lets events pass evenly, so many a second.

    Attributes:
        per_second: how many; may be changed at any time.
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._next = time.monotonic()

    def wait(self) -> None:
        """Wait until the next event may pass."""
        now = time.monotonic()
        self._next = max(self._next, now - _MOST_BEHIND_S)
        if self._next > now:
            time.sleep(self._next - now)
        self._next += 1 / self.per_second


@dataclass(frozen=True, slots=True)
class Throttle:
    """What each reader of a job needs to know to keep to the pace of the whole; it travels to the workers.

    Attributes:
        events_per_second: the pace of the whole job.
        count_partitions: tells, on a worker, how many partitions the input topic has.
    """

    events_per_second: float
    count_partitions: Callable[[], int]


class ReadersPace:
    """A reader's part of a job's pace: that of the partitions it reads.

    Each partition has an equal part, whoever reads it, so that no reader needs to know of the others, and all of
    them together are never faster than the job may be. Which partitions a reader has it learns from their events.
    """

    def __init__(self, throttle: Throttle) -> None:
        """Ask how many partitions there are."""
        self._of_a_partition = throttle.events_per_second / throttle.count_partitions()
        self._partitions: set[int] = set()
        self._pace = Pace(self._of_a_partition)

    def wait(self, partition: int) -> None:
        """Wait until an event of a partition may pass."""
        self._partitions.add(partition)
        self._pace.per_second = self._of_a_partition * len(self._partitions)
        self._pace.wait()
