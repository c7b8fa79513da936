"""What a phase costs: CPU and memory of processes, by kind, from outside."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Mapping, Set
from types import TracebackType
from typing import Self

import psutil

PYTHON, JVM, CASSANDRA, KAFKA = "python", "jvm", "cassandra", "kafka"
KINDS = (PYTHON, JVM, CASSANDRA, KAFKA)
"""Kinds of processes; JVM is the Java that the job itself needs."""

_EVERY_S = 0.2
_LOOK_FOR_CHILDREN_EVERY = 5

_WAITING_S = 0.05
"""CPU time that a process may use while it waits: its driver tells Cassandra now and then that it is there."""


class Sampler:
    """Samples the CPU times and the memory of processes and all their descendants, while it is entered.

    A Java process below a Python one counts as JVM. What a process uses in the last fraction of a second of its
    life is lost.
    """

    def __init__(self, roots: Mapping[int, str]) -> None:
        """Name the processes.

        Args:
            roots: the kind of each, by pid.
        """
        self._roots = dict(roots)
        self._known: dict[psutil.Process, str] = {}
        self._cpu_s: dict[psutil.Process, float] = {}
        self._times: list[float] = []
        self._cpu: list[dict[psutil.Process, float]] = []
        self._rss: list[dict[psutil.Process, int]] = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        self.sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.sample()

    def add(self, pid: int, kind: str) -> None:
        """Take in a process that was started later."""
        with self._lock:
            self._roots[pid] = kind
        self.sample()

    def sample(self) -> None:
        """Take a sample now."""
        with self._lock:
            self._look_for_processes()
            self._sample()

    def cpu_ms(self, start: float, end: float) -> dict[str, float]:
        """CPU time between two times (of time.time()), in ms, by kind."""
        return {kind: 1000 * (self._cpu_at(kind, end) - self._cpu_at(kind, start)) for kind in KINDS}

    def peak_mb(self, start: float, end: float) -> dict[str, float]:
        """The largest resident memory between two times, in MB, by kind; shared pages count for each process.

        Only of processes that did something: those of the floor, which wait for their turn, keep all that they are
        to write.
        """
        within = [index for index, at in enumerate(self._times) if start <= at <= end]
        if not within:
            return dict.fromkeys(KINDS, 0.0)
        before, after = self._cpu[within[0]], self._cpu[within[-1]]
        worked = {process for process, seconds in after.items() if seconds > before.get(process, 0) + _WAITING_S}
        return {kind: max(self._rss_mb(index, kind, worked) for index in within) for kind in KINDS}

    def _rss_mb(self, index: int, kind: str, processes: Set[psutil.Process]) -> float:
        rss = self._rss[index].items()
        return sum(size for process, size in rss if process in processes and self._known[process] == kind) / 1e6

    def _run(self) -> None:
        rounds = 0
        while not self._stop.wait(_EVERY_S):
            with self._lock:
                if rounds % _LOOK_FOR_CHILDREN_EVERY == 0:
                    self._look_for_processes()
                self._sample()
            rounds += 1

    def _look_for_processes(self) -> None:
        for pid, kind in self._roots.items():
            try:
                root = psutil.Process(pid)
                for process in (root, *root.children(recursive=True)):
                    if process not in self._known:
                        is_java = kind == PYTHON and process.name() == "java"
                        self._known[process] = JVM if is_java else kind
            except psutil.NoSuchProcess:
                continue

    def _sample(self) -> None:
        rss = {}
        for process in self._known:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    rss[process] = process.memory_info().rss
                self._cpu_s[process] = times.user + times.system
            except psutil.NoSuchProcess:
                continue
        self._times.append(time.time())
        self._cpu.append(dict(self._cpu_s))
        self._rss.append(rss)

    def _cpu_at(self, kind: str, at: float) -> float:
        """CPU seconds used until then, interpolated between samples."""
        after = bisect_left(self._times, at)
        if after == 0:
            return self._cpu_s_of(0, kind)
        if after == len(self._times):
            return self._cpu_s_of(-1, kind)
        t0, t1 = self._times[after - 1 : after + 1]
        c0, c1 = self._cpu_s_of(after - 1, kind), self._cpu_s_of(after, kind)
        return c0 + (c1 - c0) * (at - t0) / (t1 - t0)

    def _cpu_s_of(self, index: int, kind: str) -> float:
        return sum(seconds for process, seconds in self._cpu[index].items() if self._known[process] == kind)


def wait_until_idle(pid: int, *, below: float = 0.1, timeout_s: float = 20) -> None:
    """Wait until a process has stopped working, so that what it still has to do is not counted to the next phase.

    Args:
        pid: the process.
        below: how many cores it may use on average over a second.
        timeout_s: how long to wait at most.
    """
    process, deadline = psutil.Process(pid), time.monotonic() + timeout_s
    while process.cpu_percent(interval=1) > below * 100 and time.monotonic() < deadline:
        pass
