"""Many small requests as a few: what several callers ask for at about the same time goes together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Generic, TypeVar

from cassandra import OperationTimedOut
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_ERRORS_OF_ALL = (
    NoHostAvailable,
    OperationTimedOut,
    ConnectionException,
    OverloadedErrorMessage,
    IsBootstrappingErrorMessage,
)
"""Errors that are of a node or a connection, so that to ask again for each alone would only cost more."""

_Waiting = list[tuple[Item, asyncio.Future[Answer]]]


class Gathering(Generic[Item, Answer]):
    """Asks for items of many callers, in one request all that come while another is under way.

    Nobody joins a request that is under way: an answer is never older than its question. To be used on the
    process's event loop alone.
    """

    def __init__(self, ask: Callable[[list[Item]], Awaitable[Sequence[Answer]]], most: int) -> None:
        """Begin with nothing to ask.

        Args:
            ask: asks for items, and returns the answer to each.
            most: how many items go together, at most.
        """
        self._ask, self._most = ask, most
        self._waiting: _Waiting[Item, Answer] = []
        self._asking: asyncio.Task[None] | None = None

    async def answer(self, item: Item) -> Answer:
        """The answer to one item; raises what asking for it raises, or for it and others where no node answers."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, answer))
        if self._asking is None:
            # It starts when all that can run now has run, and asked.
            self._asking = loop.create_task(self._ask_for_all())
        return await answer

    async def _ask_for_all(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                await asyncio.gather(*map(self._ask_for, parts(waiting, self._most)))
        finally:
            self._asking = None

    async def _ask_for(self, together: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        error = await self._try(together)
        if error is None:
            return
        if len(together) > 1 and not isinstance(error, _ERRORS_OF_ALL):
            # It may be that of one alone: of one that Cassandra refuses, or that has lost its replicas.
            await asyncio.gather(*(self._ask_for([one]) for one in together))
            return
        for _, answer in together:
            if not answer.done():
                answer.set_exception(error)

    async def _try(self, together: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> Exception | None:
        try:
            answers = await self._ask([item for item, _ in together])
            for (_, answer), result in zip(together, answers, strict=True):
                if not answer.done():
                    answer.set_result(result)
        except Exception as e:
            return e
        return None


def parts(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    """The items in their order, at most so many at a time."""
    return (items[start : start + most] for start in range(0, len(items), most))
