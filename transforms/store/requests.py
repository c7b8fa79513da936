"""Requests to Cassandra that can be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Any

from cassandra.cluster import ResponseFuture, Session

from transforms.rules.rows import StoredRow
from transforms.store.errors import NoAnswerError, TransientError, store_error
from transforms.store.event_loop import event_loop, on_event_loop
from transforms.store.outage import Outage

_IN_FLIGHT = 16

_TIMEOUT_S = 12.0
"""How long a page is waited for. The driver's own timers are off: each keeps a response, with its rows, in a cycle
of garbage, and a tenth of all CPU time went into collecting these."""


class Requests:
    """Executes statements on a session whose connections are on the process's event loop; used there alone.

    Threads that each wait for an answer cost three times the CPU time of one that awaits all of them
    (docs/decisions/0034).
    """

    def __init__(self, session: Session, outage: Outage) -> None:
        """Take the session, whose client_protocol_handler is UndecodedRows, and the outage to tell of answers."""
        self._session, self._outage = session, outage
        self._loop = event_loop()

    async def rows(self, statement: Any) -> list[StoredRow]:
        """The rows of all pages; raises StoreError."""
        return await self._start(statement).rows()

    async def pages(self, statement: Any) -> AsyncIterator[list[StoredRow]]:
        """The pages of the driver, each asked for when it is needed; raises StoreError."""
        request = self._start(statement)
        yield await request.page()
        while request.has_more_pages:
            yield await request.next_page()

    async def all_rows(self, statements: Iterable[Any]) -> list[list[StoredRow]]:
        """The rows of each of several statements, executed side by side, several at a time.

        Raises:
            StoreError: of the first that fails; other statements may be under way then.
        """
        waiting, results = iter(statements), []
        while requests := [self._start(statement) for statement in islice(waiting, _IN_FLIGHT)]:
            results += [await request.rows() for request in requests]
        return results

    def _start(self, statement: Any) -> _Request:
        """Send a statement."""
        response = self._session.execute_async(statement)
        page = _Page(self._loop)
        response.add_callbacks(self._answered, self._answered, (page,), errback_args=(page,))
        return _Request(response, page)

    def _answered(self, answer: list[StoredRow] | Exception | None, page: _Page) -> None:
        """Take an answer; an error may come from any thread of the driver's."""
        if on_event_loop():
            self._pass_on(answer or [], page)
        else:
            self._loop.call_soon_threadsafe(self._pass_on, answer or [], page)

    def _pass_on(self, answer: list[StoredRow] | Exception, page: _Page) -> None:
        waited_for = not page.rows.done()
        if isinstance(answer, Exception):
            error = store_error(answer)
            if not isinstance(error, TransientError):
                self._outage.answered()
            if waited_for:
                page.rows.set_exception(error)
                # Of several requests the first error is raised; asyncio would log those that nobody looks at.
                page.rows.exception()
        else:
            self._outage.answered()
            if waited_for:
                page.rows.set_result(answer)


class _Page:
    """The page of a result that was asked for last."""

    __slots__ = ("_loop", "rows")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.ask()

    def ask(self) -> None:
        self.rows: asyncio.Future[list[StoredRow]] = self._loop.create_future()


class _Request:
    """A statement under way.

    The callbacks that the driver's response keeps refer to the page, not to this object, which refers to the
    response: else both, with all rows, would stay in memory until the garbage collector finds the cycle.
    """

    __slots__ = ("_page", "_response")

    def __init__(self, response: ResponseFuture, page: _Page) -> None:
        self._response, self._page = response, page

    @property
    def has_more_pages(self) -> bool:
        return bool(self._response.has_more_pages)

    async def page(self) -> list[StoredRow]:
        try:
            async with asyncio.timeout(_TIMEOUT_S) as limit:
                return await self._page.rows
        except TimeoutError as e:
            if not limit.expired():
                raise
            msg = f"OperationTimedOut: no answer within {_TIMEOUT_S:g} s"
            raise NoAnswerError(msg) from e

    async def next_page(self) -> list[StoredRow]:
        self._page.ask()
        self._response.start_fetching_next_page()
        return await self.page()

    async def rows(self) -> list[StoredRow]:
        rows = await self.page()
        if self.has_more_pages:
            rows = list(rows)
            while self.has_more_pages:
                rows += await self.next_page()
        return rows
