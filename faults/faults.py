"""What strikes a job in mid-stream, and when."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from faults.strikes import PYTHON_WORKER, AlterTable, Kill, Outage, Pause, Strike

OPTIONS = ("--parallelism=2", "--cassandra_retry_seconds=300")
"""Of the job. Events wait for Cassandra longer than it is down: the default of a minute is short where nodes start
slowly."""

_OUTAGE_S = 30
_RETRY_S = 10
_LARGE_INPUTS = 100
_RESTARTS = 50
_BETWEEN_RESTARTS_S = 15
"""A worker is missed by events only, so they must go on coming until the last one is struck."""
_CLOCK_AHEAD_S = 30
_FIRST, _LAST = 0.1, 0.9


@dataclass(frozen=True)
class Fault:
    """What strikes one stream.

    Attributes:
        strikes: sequences of strikes; those of one come one after the other, those of several may overlap.
        options: further options of the job.
        large: how many records of 1 MB, which are no events, are among those that are published.
        clock_ahead_s: by how much the clock of whoever else writes to the tables is ahead, in seconds.
        fails: whether events fail, to be replayed once all is over.
        over_s: how long events are published, in seconds.
    """

    strikes: tuple[tuple[Strike, ...], ...] = ()
    options: tuple[str, ...] = OPTIONS
    large: int = 0
    clock_ahead_s: float = 0
    fails: bool = False
    over_s: float = 60


_SERVERS: dict[str, tuple[Strike, ...]] = {
    "TaskManager": (Kill("TaskManager-1"), Kill("TaskManager-2")),
    "JobManager": (Kill("JobManager"), Kill("JobManager")),
    PYTHON_WORKER: (Kill(PYTHON_WORKER), Kill(PYTHON_WORKER)),
    "Kafka": (Kill("Kafka", _OUTAGE_S),),
}
_ONE_NODE: dict[str, tuple[Strike, ...]] = {"Cassandra": (Kill("Cassandra", _OUTAGE_S),)}


def faults(nodes: int) -> dict[str, Fault]:
    """The faults by name.

    Args:
        nodes: how many Cassandra nodes there are; several are called Cassandra-1, Cassandra-2 and so on.
    """
    struck = _SERVERS | (_ONE_NODE if nodes == 1 else _several_nodes([f"Cassandra-{i + 1}" for i in range(nodes)]))
    found = {"none": Fault(), **{name: Fault((strikes,)) for name, strikes in struck.items()}}
    found["column added and dropped"] = Fault(((AlterTable(),),))
    found["large inputs"] = Fault(large=_LARGE_INPUTS)
    if nodes > 1:
        found["clock ahead"] = Fault(clock_ahead_s=_CLOCK_AHEAD_S)
        found["all nodes away"] = Fault(
            ((Outage(tuple(f"Cassandra-{i + 1}" for i in range(nodes)), _OUTAGE_S),),),
            options=("--parallelism=2", f"--cassandra_retry_seconds={_RETRY_S}"),
            fails=True,
        )
    found["all"] = Fault(tuple(struck.values()))
    return found


def long_faults() -> dict[str, Fault]:
    """Faults that take ten minutes and more, which are struck only where they are asked for."""
    strikes = (Kill(PYTHON_WORKER),) * _RESTARTS
    return {f"{_RESTARTS} restarts": Fault((strikes,), over_s=_RESTARTS * _BETWEEN_RESTARTS_S)}


def _several_nodes(names: Sequence[str]) -> dict[str, tuple[Strike, ...]]:
    return {
        "one node": (Kill(names[1], _OUTAGE_S),),
        "rolling restart": tuple(Kill(name, 5) for name in names),
        # Longer than a request waits: writes reach one replica of three.
        "two nodes stopped": (Pause(tuple(names[1:]), 20), Pause(tuple(names[1:]), 20)),
    }


def moments(draw: random.Random, strikes: int, over_s: float) -> list[float]:
    """When a stream of so many seconds is to be hit, in seconds after its begin, in order.

    Each in a part of its own, so that there is a stream that has recovered for the next one to hit.
    """
    return [over_s * (_FIRST + (_LAST - _FIRST) * (i + draw.random()) / strikes) for i in range(strikes)]
