"""Work for different accounts overlaps; work for one account is done one at a time, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from transforms.store.event_loop import event_loop, wait_for

Item = TypeVar("Item")
Result = TypeVar("Result")


class AccountLanes(Generic[Item, Result]):
    """A lane for each account: what is submitted to one lane runs in order, and lanes run side by side.

    The work is done on the process's event loop, from when it is submitted; `submit` and `results` are for another
    thread.
    """

    def __init__(self, work: Callable[[Item], Awaitable[Result]], at_once: int) -> None:
        """Start without lanes.

        Args:
            work: what is done with each item; an exception from it comes out of `results`.
            at_once: how many lanes are in work at once, at most.
        """
        self._work = work
        self._loop = event_loop()
        self._free = asyncio.Semaphore(at_once)
        self._submitted: deque[tuple[str, Item]] = deque()
        self._woken = False
        self._lanes: dict[str, deque[Item]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._results: list[Result] = []

    def submit(self, account: str, item: Item) -> None:
        """Do the work for the item after all that was submitted for the account before."""
        self._submitted.append((account, item))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._begin)

    def results(self) -> list[Result]:
        """Wait for all that was submitted; each result comes once, those of an account in order."""
        return wait_for(self._finish())

    def _begin(self) -> None:
        # Before the first is taken: later, an item that is submitted meanwhile would wake nobody.
        self._woken = False
        while self._submitted:
            account, item = self._submitted.popleft()
            lane = self._lanes.get(account)
            if lane is not None:
                lane.append(item)
            else:
                self._lanes[account] = deque([item])
                self._running.add(self._loop.create_task(self._run(account)))

    async def _finish(self) -> list[Result]:
        self._begin()
        ended, self._running = self._running, set()
        errors = await asyncio.gather(*ended, return_exceptions=True)
        results, self._results = self._results, []
        for error in errors:
            if error is not None:
                raise error
        return results

    async def _run(self, account: str) -> None:
        lane = self._lanes[account]
        try:
            async with self._free:
                while lane:
                    self._results.append(await self._work(lane.popleft()))
        finally:
            del self._lanes[account]
