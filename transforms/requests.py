"""Requests to Cassandra that can be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Any

from cassandra import CoordinationFailure, OperationTimedOut, Timeout, Unavailable
from cassandra.cluster import NoHostAvailable, ResponseFuture, Session
from cassandra.connection import ConnectionException
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage, ServerError

from transforms.event_loop import event_loop, on_event_loop
from transforms.rules.rows import StoredRow

TRANSIENT_ERRORS = (
    NoHostAvailable,
    Unavailable,
    Timeout,
    OperationTimedOut,
    CoordinationFailure,
    OverloadedErrorMessage,
    IsBootstrappingErrorMessage,
    ServerError,
    ConnectionException,
)
"""What may pass by itself (design.md, "When something is down"): worth trying again."""

_IN_FLIGHT = 16

_TIMEOUT_S = 12.0
"""How long a page is waited for, or up to _CHECK_S longer. The driver's own timers are off: each keeps a response,
with its rows, in a cycle of garbage, and a tenth of all CPU time went into collecting these."""

_CHECK_S = 1.0


class Requests:
    """Executes statements on a session whose connections are on the process's event loop; used there alone.

    Threads that each wait for an answer cost three times the CPU time of one that awaits all of them
    (docs/decisions/0033).
    """

    def __init__(self, session: Session) -> None:
        """Take the session, whose client_protocol_handler is UndecodedRows."""
        self._session = session
        self._loop = event_loop()
        self._deadlines = _Deadlines(self._loop)

    async def rows(self, statement: Any) -> list[StoredRow]:
        """The rows of all pages; raises the driver's errors."""
        return await self._start(statement).rows()

    async def pages(self, statement: Any) -> AsyncIterator[list[StoredRow]]:
        """The pages of the driver, each asked for when it is needed; raises the driver's errors."""
        request = self._start(statement)
        yield await request.page
        while request.has_more_pages:
            yield await request.next_page()

    async def all_rows(self, statements: Iterable[Any]) -> list[list[StoredRow]]:
        """The rows of each of several statements, executed side by side, several at a time.

        Raises:
            Exception: the driver's errors; other statements may be under way then.
        """
        waiting, results = iter(statements), []
        while requests := [self._start(statement) for statement in islice(waiting, _IN_FLIGHT)]:
            results += [await request.rows() for request in requests]
        return results

    def _start(self, statement: Any) -> _Request:
        """Send a statement."""
        response = self._session.execute_async(statement)
        page = _Page(self._loop, self._deadlines)
        response.add_callbacks(self._answered, self._answered, (page,), errback_args=(page,))
        return _Request(response, page)

    def _answered(self, answer: list[StoredRow] | Exception | None, page: _Page) -> None:
        """Pass an answer on; an error may come from any thread of the driver's."""
        if on_event_loop():
            page.answer(answer or [])
        else:
            self._loop.call_soon_threadsafe(page.answer, answer or [])


class _Deadlines:
    """Times out pages that are not answered, with one timer: one for each page costs a tenth of a request."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pages: dict[_Page, float] = {}
        self._is_checking = False

    def add(self, page: _Page) -> None:
        self._pages[page] = self._loop.time() + _TIMEOUT_S
        if not self._is_checking:
            self._check_later()

    def remove(self, page: _Page) -> None:
        self._pages.pop(page, None)

    def _check_later(self) -> None:
        self._is_checking = bool(self._pages)
        if self._is_checking:
            self._loop.call_later(_CHECK_S, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        for page in [page for page, deadline in self._pages.items() if deadline <= now]:
            page.answer(OperationTimedOut(f"no answer within {_TIMEOUT_S:g} s"))
        self._check_later()


class _Page:
    """The page of a result that was asked for last."""

    __slots__ = ("_deadlines", "_loop", "rows")

    def __init__(self, loop: asyncio.AbstractEventLoop, deadlines: _Deadlines) -> None:
        self._loop, self._deadlines = loop, deadlines
        self.ask()

    def ask(self) -> None:
        self.rows: asyncio.Future[list[StoredRow]] = self._loop.create_future()
        self._deadlines.add(self)

    def answer(self, answer: list[StoredRow] | Exception) -> None:
        self._deadlines.remove(self)
        if self.rows.done():  # nobody waits for it any more
            return
        if isinstance(answer, Exception):
            self.rows.set_exception(answer)
            # Of several requests the first error is raised; asyncio would log the others if nobody looked at them.
            self.rows.exception()
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
    def page(self) -> asyncio.Future[list[StoredRow]]:
        return self._page.rows

    @property
    def has_more_pages(self) -> bool:
        return bool(self._response.has_more_pages)

    def next_page(self) -> asyncio.Future[list[StoredRow]]:
        self._page.ask()
        self._response.start_fetching_next_page()
        return self._page.rows

    async def rows(self) -> list[StoredRow]:
        rows = await self.page
        while self.has_more_pages:
            rows = [*rows, *await self.next_page()]
        return rows
