"""What is killed in mid-stream, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass

PYTHON_WORKER = "Python worker"
_OUTAGE_S = 30
_FIRST, _LAST = 0.1, 0.9


@dataclass(frozen=True)
class Kill:
    """One kill -9.

    Attributes:
        server: whose; its name among the services, or PYTHON_WORKER.
        down_s: how long it is left down, in seconds.
    """

    server: str
    down_s: float = 0


Kills = tuple[Kill, ...]

_SINGLE: dict[str, Kills] = {
    "TaskManager": (Kill("TaskManager-1"), Kill("TaskManager-2")),
    "JobManager": (Kill("JobManager"), Kill("JobManager")),
    PYTHON_WORKER: (Kill(PYTHON_WORKER), Kill(PYTHON_WORKER)),
    "Cassandra": (Kill("Cassandra", _OUTAGE_S),),
    "Kafka": (Kill("Kafka", _OUTAGE_S),),
}
FAULTS: dict[str, tuple[Kills, ...]] = {
    "none": (),
    **{fault: (kills,) for fault, kills in _SINGLE.items()},
    "all": tuple(_SINGLE.values()),
}
"""Sequences of kills by the name of the fault; those of different sequences may overlap."""


def moments(draw: random.Random, kills: int, over_s: float) -> list[float]:
    """When a stream of so many seconds is to be hit, in seconds after its begin, in order.

    Each in a part of its own, so that there is a stream that has recovered for the next one to hit.
    """
    return [over_s * (_FIRST + (_LAST - _FIRST) * (i + draw.random()) / kills) for i in range(kills)]
