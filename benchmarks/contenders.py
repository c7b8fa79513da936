"""Processes that merge without the job: prepared first, then told when to merge which events."""

from __future__ import annotations

import multiprocessing
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from cassandra.cluster import Session

from benchmarks.driver import connect
from benchmarks.measure import PYTHON, Sampler
from benchmarks.phases import Phase
from benchmarks.plan import PlannedMerge, plan
from benchmarks.services import BenchServices
from benchmarks.workload import Workload
from local.errors import LocalError
from local.settings import LocalSettings
from pipeline.garbage import reduce_garbage_collection

Prepared = TypeVar("Prepared")


class Contender(ABC, Generic[Prepared]):
    """A way of merging whose writes are planned before."""

    def __init__(self, session: Session) -> None:
        """Take the session."""
        self.session = session

    @abstractmethod
    def prepare(self, planned: PlannedMerge) -> Prepared:
        """Whatever can be done before the time that counts."""

    @abstractmethod
    def merge(self, events: Sequence[Prepared]) -> None:
        """Merge the events; returns when everything is written."""


class Contenders:
    """Several processes of one way of merging, which share the events of a group evenly."""

    def __init__(self, connections: Sequence[Connection], pids: Sequence[int]) -> None:
        """Take the processes over; they may still be preparing."""
        self._connections = connections
        self.pids = pids
        self._rows = 0

    def wait_prepared(self) -> None:
        """Wait until all are prepared.

        Raises:
            LocalError: if one of them fails.
        """
        self._rows = sum(self._answers())

    def merge(self, start: int, end: int, sampler: Sampler, total: int) -> Phase:
        """Merge the events from one number to another.

        Args:
            start: the first event's number in the group.
            end: the number behind the last's.
            sampler: samples the processes and Cassandra.
            total: how many events the group has.

        Raises:
            LocalError: if one of the processes fails.
        """
        sampler.sample()
        for connection in self._connections:
            connection.send((start, end))
        times = self._answers()
        sampler.sample()
        events = end - start
        began, ended = min(t[0] for t in times), max(t[1] for t in times)
        return Phase.of(sampler, began, ended, events=events, rows=self._rows * events / total)

    def _answers(self) -> list[Any]:
        answers = []
        for connection in self._connections:
            try:
                answer = connection.recv()
            except EOFError:
                answer = LocalError("A process of the benchmark has ended; see what it printed above.")
            if isinstance(answer, Exception):
                raise answer
            answers.append(answer)
        return answers


@contextmanager
def contenders(
    kind: type[Contender[Any]],
    services: BenchServices,
    workload: Workload,
    group: str,
    *,
    events: int,
    processes: int,
    sampler: Sampler,
) -> Iterator[Contenders]:
    """Start processes, each with a session of its own; they end with the block.

    Args:
        kind: how they merge.
        services: where Cassandra is.
        workload: whose events they merge.
        group: the group of them.
        events: how many.
        processes: how many processes.
        sampler: is to sample them.
    """
    spawn, where = multiprocessing.get_context("spawn"), (services.settings, services.hosts)
    with ExitStack() as undo:
        connections, pids = [], []
        for number in range(processes):
            connection, theirs = spawn.Pipe()
            numbers = range(number, events, processes)
            process = spawn.Process(
                target=_contend, args=(kind, where, workload.shape, workload.seed, group, numbers, theirs)
            )
            process.start()
            theirs.close()
            undo.callback(process.join)
            undo.callback(connection.close)  # which is what ends it
            connections.append(connection)
            pids.append(process.pid or 0)
            sampler.add(process.pid or 0, PYTHON)
        yield Contenders(connections, pids)


def _contend(
    kind: type[Contender[Any]],
    where: tuple[LocalSettings, Sequence[str]],
    shape: Any,
    seed: int,
    group: str,
    numbers: range,
    commands: Connection,
) -> None:
    try:
        with connect(*where) as session:
            contender, workload = kind(session), Workload(shape, seed)
            now_ms = int(time.time() * 1000)
            prepared, rows = {}, 0
            for number in numbers:
                planned = plan(workload.pair(group, number), now_ms)
                prepared[number] = contender.prepare(planned)
                rows += planned.rows_read + planned.rows_written
            # Else collections of garbage would look through all that is planned, again and again.
            reduce_garbage_collection()
            commands.send(rows)
            while True:
                start, end = commands.recv()
                events = [event for number, event in prepared.items() if start <= number < end]
                began = time.time()
                contender.merge(events)
                commands.send((began, time.time()))
    except EOFError:
        return
    except KeyboardInterrupt:
        return
    except Exception as e:
        commands.send(LocalError(f"The {kind.__name__.lower()} could not go on: {type(e).__name__}: {e}"))
