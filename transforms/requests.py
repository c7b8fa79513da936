"""Requests to Cassandra that can be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Any

from cassandra import OperationTimedOut
from cassandra.cluster import ResponseFuture, Session

from transforms.event_loop import event_loop, on_event_loop

UndecodedRows = list[tuple[bytes | None, ...]]

_IN_FLIGHT = 16

_REQUEST_TIMEOUT_S = 12.0
"""How long a page is waited for. The driver's own timers are off: each keeps a response, with its rows, in a cycle
of garbage, and a tenth of all CPU time went into collecting these."""


class Requests:
    """Executes statements on a session whose connections are on the process's event loop; used there alone.

    Threads that each wait for an answer cost three times the CPU time of one that awaits all of them
    (docs/decisions/0033).
    """

    def __init__(self, session: Session) -> None:
        """Take the session, whose client_protocol_handler is UndecodedRows."""
        self._session = session
        self._loop = event_loop()

    async def rows(self, statement: Any) -> UndecodedRows:
        """The rows of all pages; raises the driver's errors."""
        return await self._start(statement).rows()

    async def pages(self, statement: Any) -> AsyncIterator[UndecodedRows]:
        """The pages of the driver, each asked for when it is needed; raises the driver's errors."""
        request = self._start(statement)
        yield await request.page
        while request.has_more_pages:
            yield await request.next_page()

    async def all_rows(self, statements: Iterable[Any]) -> list[UndecodedRows]:
        """The rows of each of several statements, executed side by side, several at a time.

        Raises:
            Exception: the driver's errors; other statements may be under way then.
        """
        waiting, results = iter(statements), []
        while requests := [self._start(statement) for statement in islice(waiting, _IN_FLIGHT)]:
            if len(requests) > 1:
                await asyncio.gather(*(request.page for request in requests))
            results += [await request.rows() for request in requests]
        return results

    def _start(self, statement: Any) -> _Request:
        """Send a statement."""
        response = self._session.execute_async(statement)
        page = _Page(self._loop)
        response.add_callbacks(self._answered, self._answered, (page,), errback_args=(page,))
        return _Request(response, page)

    def _answered(self, answer: UndecodedRows | Exception | None, page: _Page) -> None:
        """Pass an answer on; an error may come from any thread of the driver's."""
        if on_event_loop():
            page.answer(answer or [])
        else:
            self._loop.call_soon_threadsafe(page.answer, answer or [])


class _Page:
    """The page of a result that was asked for last."""

    __slots__ = ("_loop", "_timeout", "rows")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.ask()

    def ask(self) -> None:
        self.rows: asyncio.Future[UndecodedRows] = self._loop.create_future()
        self._timeout = self._loop.call_later(_REQUEST_TIMEOUT_S, self._time_out)

    def _time_out(self) -> None:
        self.answer(OperationTimedOut(f"no answer within {_REQUEST_TIMEOUT_S:g} s"))

    def answer(self, answer: UndecodedRows | Exception) -> None:
        self._timeout.cancel()
        if self.rows.done():  # nobody waits for it any more
            return
        if isinstance(answer, Exception):
            self.rows.set_exception(answer)
        else:
            self.rows.set_result(answer)


class _Request:
    """A statement under way.

    The driver's response knows the page and not this, which would keep both, and all rows, in a cycle of garbage.
    """

    __slots__ = ("_page", "_response")

    def __init__(self, response: ResponseFuture, page: _Page) -> None:
        self._response, self._page = response, page

    @property
    def page(self) -> asyncio.Future[UndecodedRows]:
        return self._page.rows

    @property
    def has_more_pages(self) -> bool:
        return bool(self._response.has_more_pages)

    def next_page(self) -> asyncio.Future[UndecodedRows]:
        self._page.ask()
        self._response.start_fetching_next_page()
        return self._page.rows

    async def rows(self) -> UndecodedRows:
        rows = await self.page
        while self.has_more_pages:
            rows = [*rows, *await self.next_page()]
        return rows
