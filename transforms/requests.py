"""Requests to Cassandra that can be awaited."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Any

from cassandra.cluster import ResponseFuture, Session

from transforms.event_loop import event_loop

UndecodedRows = list[tuple[bytes | None, ...]]

_IN_FLIGHT = 16

_Page = asyncio.Future[UndecodedRows]


class Requests:
    """Executes statements on a session; used on the process's event loop alone.

    Threads that each wait for an answer cost three times the CPU time of one that awaits all of them
    (docs/decisions/0033).
    """

    def __init__(self, session: Session) -> None:
        """Take the session, whose client_protocol_handler is UndecodedRows."""
        self._session = session
        self._loop = event_loop()
        self._answers: deque[tuple[_Page, UndecodedRows | Exception]] = deque()
        self._woken = False

    async def rows(self, statement: Any) -> UndecodedRows:
        """The rows of all pages; raises the driver's errors."""
        return await _Request(self, statement).rows()

    async def pages(self, statement: Any) -> AsyncIterator[UndecodedRows]:
        """The pages of the driver, each asked for when it is needed; raises the driver's errors."""
        request = _Request(self, statement)
        yield await request.page
        while request.has_more_pages:
            yield await request.next_page()

    async def all_rows(self, statements: Iterable[Any]) -> list[UndecodedRows]:
        """The rows of each of several statements, executed side by side, several at a time.

        Raises:
            Exception: the driver's errors; other statements may be under way then.
        """
        waiting, results = iter(statements), []
        while requests := [_Request(self, statement) for statement in islice(waiting, _IN_FLIGHT)]:
            if len(requests) > 1:
                await asyncio.gather(*(request.page for request in requests))
            results += [await request.rows() for request in requests]
        return results

    def execute(self, statement: Any) -> ResponseFuture:
        """Send a statement."""
        return self._session.execute_async(statement)

    def new_page(self) -> _Page:
        """A page that is to be answered."""
        return self._loop.create_future()

    def answer(self, page: _Page, answer: UndecodedRows | Exception) -> None:
        """Answer a page, from the driver's thread; the event loop is woken once for many of them."""
        self._answers.append((page, answer))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # Before the first is taken: later, an answer that is put meanwhile would wake nobody.
        self._woken = False
        while self._answers:
            page, answer = self._answers.popleft()
            if page.done():  # it is not waited for any more
                continue
            if isinstance(answer, Exception):
                page.set_exception(answer)
            else:
                page.set_result(answer)


class _Request:
    """A statement that is executed page by page; `page` is the one that was asked for last."""

    def __init__(self, requests: Requests, statement: Any) -> None:
        self._requests = requests
        self.page = requests.new_page()
        self._response = requests.execute(statement)
        self._response.add_callbacks(self._answered, self._answered)

    async def rows(self) -> UndecodedRows:
        rows = await self.page
        while self.has_more_pages:
            rows = [*rows, *await self.next_page()]
        return rows

    @property
    def has_more_pages(self) -> bool:
        return bool(self._response.has_more_pages)

    def next_page(self) -> _Page:
        self.page = self._requests.new_page()
        self._response.start_fetching_next_page()
        return self.page

    def _answered(self, answer: UndecodedRows | Exception | None) -> None:
        self._requests.answer(self.page, [] if answer is None else answer)
