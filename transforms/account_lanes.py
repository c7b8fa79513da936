"""Work for different accounts overlaps; work for one account is done one at a time, in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class AccountLanes(Generic[Item, Result]):
    """A lane for each account: what is submitted to one lane runs in order, and lanes run side by side.

    Threads suit the work, which waits for Cassandra most of its time.
    """

    def __init__(self, work: Callable[[Item], Result], threads: int) -> None:
        """Start without lanes.

        Args:
            work: what is done with each item; an exception from it comes out of `results`.
            threads: how many items are in work at once, at most.
        """
        self._work = work
        self._pool = ThreadPoolExecutor(threads)
        self._lock = threading.Lock()
        self._lanes: dict[str, deque[Item]] = {}
        self._running: list[Future[list[Result]]] = []

    def submit(self, account: str, item: Item) -> None:
        """Do the work for the item after all that was submitted for the account before."""
        with self._lock:
            lane = self._lanes.get(account)
            if lane is not None:
                lane.append(item)
                return
            self._lanes[account] = deque([item])
        self._running.append(self._pool.submit(self._run, account))

    def results(self) -> Iterator[Result]:
        """Wait for all that was submitted; each result comes once, those of an account in order."""
        while self._running:
            yield from self._running.pop(0).result()

    def close(self) -> None:
        """Let go of the threads; work that has not begun is dropped."""
        self._pool.shutdown(cancel_futures=True)

    def _run(self, account: str) -> list[Result]:
        results: list[Result] = []
        while True:
            with self._lock:
                lane = self._lanes[account]
                if not lane:
                    del self._lanes[account]
                    return results
                item = lane.popleft()
            try:
                results.append(self._work(item))
            except BaseException:
                with self._lock:
                    del self._lanes[account]
                raise
