"""Waits for what the pipeline awaits, so that a test reads from top to bottom."""

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

from transforms.store.event_loop import wait_for


class Blocking:
    """An object whose coroutines are functions, and whose asynchronous generators are generators."""

    def __init__(self, awaited: Any) -> None:
        self.awaited = awaited

    def __getattr__(self, name: str) -> Any:
        member = getattr(self.awaited, name)
        if inspect.iscoroutinefunction(member):
            return lambda *args: wait_for(member(*args))
        if inspect.isasyncgenfunction(member):
            return lambda *args: _each(member(*args))
        return member


def _each(items: AsyncIterator[Any]) -> Iterator[Any]:
    async def next_item() -> Any:
        return await anext(items, _NO_MORE)

    while (item := wait_for(next_item())) is not _NO_MORE:
        yield item


_NO_MORE = object()
