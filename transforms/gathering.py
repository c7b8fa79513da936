"""Many small requests as a few: what several callers ask for at about the same time goes together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from transforms.requests import TRANSIENT_ERRORS

Item = TypeVar("Item")
Answer = TypeVar("Answer")

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
        """The answer to one item; raises what asking for it raises."""
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
                together, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._ask_for(together)
        finally:
            self._asking = None

    async def _ask_for(self, together: _Waiting[Item, Answer]) -> None:
        try:
            answers = await self._ask([item for item, _ in together])
        except Exception as e:
            if len(together) > 1 and not isinstance(e, TRANSIENT_ERRORS):
                # One of them is at fault, which must not be that of the others.
                for one in together:
                    await self._ask_for([one])
                return
            for _, answer in together:
                if not answer.done():
                    answer.set_exception(e)
        else:
            for (_, answer), result in zip(together, answers, strict=True):
                if not answer.done():
                    answer.set_result(result)
