"""Outages of Cassandra: one clock for all work of a process (design.md, "When something is down")."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from transforms.store.errors import NoAnswerError, NoNodeError, TransientError

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class OutageCounts(NamedTuple):
    """How often work was done again, and how many outages began and ended."""

    retries: int = 0
    begun: int = 0
    ended: int = 0


_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 5.0

_QUIET_S = 5.0
"""An outage of a part of the data is over when Cassandra answers and no error came for so long."""

_PROBE_S = 5.0
_BETWEEN_PROBES_S = 1.0
"""While nobody answers, one piece of work at a time is tried for so long, and the next one so much later."""


class Outage:
    """Retries what fails by an error that may pass, until the outage has lasted for `retry_seconds`.

    An outage begins with the first such error. It ends when work that had failed succeeds, or when Cassandra
    answers and no error comes any more. Where it is of a part of the data (a partition, or a range whose replicas
    are away), the rest goes on meanwhile, and once the time has passed only what fails is given up, at its first
    error.

    If not one request was answered for `retry_seconds`, all of Cassandra is away. Everything under way and
    everything queued is given up then, and what comes later too, but for one piece of work now and then, which
    finds out when Cassandra is back.

    To be used on the process's event loop, but for the counts and is_silent_for.
    """

    def __init__(self, retry_seconds: float) -> None:
        """Begin without an outage."""
        self._retry_s = retry_seconds
        self._began: float | None = None
        self._silent_since: float | None = None
        self._last_error_at = 0.0
        self._error: TransientError | None = None
        self._all_away = False
        self._silence: asyncio.TimerHandle | None = None
        self._attempts: set[asyncio.Timeout] = set()
        self._probe: asyncio.Future[None] | None = None
        self._next_probe_at = 0.0
        self._retries = self._given_up = 0
        self._counts_lock = threading.Lock()
        self._counts = OutageCounts()

    async def retry(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do the work, and do it again after errors that may pass, with exponential backoff and jitter.

        Args:
            work: what is done; it must be idempotent.

        Raises:
            Exception: what the work raises; a TransientError only when it is given up.
        """
        clock = asyncio.get_running_loop().time
        first_error_at, longest_pause = None, _FIRST_RETRY_S
        while True:
            try:
                async with self._attempt():
                    result = await work()
            except TransientError as e:
                now = clock()
                began = self._failed(e, now)
                first_error_at = now if first_error_at is None else first_error_at
                left = min(began, first_error_at) + self._retry_s - now
                if self._all_away or left <= 0:
                    self._given_up += 1
                    raise
                self._retries += 1
                await asyncio.sleep(min(left, random.uniform(0, longest_pause)))  # noqa: S311 - jitter
                longest_pause = min(2 * longest_pause, _LONGEST_RETRY_S)
                self.count(retries=1)
                continue
            if self._began is not None and (first_error_at is not None or self._is_quiet(clock())):
                self._end(clock())
            return result

    def answered(self) -> None:
        """A node has answered a request; an error of the request itself is an answer too."""
        if self._silent_since is None:
            return
        self._silent_since = None
        if self._silence is not None:
            self._silence.cancel()
        if self._all_away:
            self._end(asyncio.get_running_loop().time())

    def count(self, retries: int = 0, begun: int = 0, ended: int = 0) -> None:
        """Count what has happened; on any thread."""
        with self._counts_lock:
            counts = self._counts
            self._counts = OutageCounts(counts.retries + retries, counts.begun + begun, counts.ended + ended)

    def take_counts(self) -> OutageCounts:
        """What has happened since the last call, whoever made it; on any thread."""
        with self._counts_lock:
            counts, self._counts = self._counts, OutageCounts()
        return counts

    def is_silent_for(self, seconds: float) -> bool:
        """Whether no node could even be asked for so long, and nothing was answered since; on any thread."""
        if (since := self._silent_since) is None or not isinstance(self._error, NoNodeError):
            return False
        return time.monotonic() - since >= seconds  # what the event loop's clock is

    def _failed(self, error: TransientError, now: float) -> float:
        """Take note of an error; returns when its outage began."""
        if self._began is not None and self._is_quiet(now):
            self._end(now)
        if not isinstance(error, NoAnswerError):
            self._all_away = False
        self._error, self._last_error_at = error, now
        if self._began is None:
            self._began, self._retries, self._given_up = now, 0, 0
            self.count(begun=1)
            _log.warning("Cassandra fails, what is retried for up to %g s: %s", self._retry_s, error)
        if self._silent_since is None:
            self._silent_since = now
            loop = asyncio.get_running_loop()
            self._silence = loop.call_at(now + self._retry_s, self._check_silence)
        else:
            self._check_silence()
        return self._began

    def _is_quiet(self, now: float) -> bool:
        return self._silent_since is None and now - self._last_error_at > _QUIET_S

    def _check_silence(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._all_away or self._silent_since is None or now < self._silent_since + self._retry_s:
            return
        if isinstance(self._error, NoAnswerError):
            self._all_away = True
            _log.warning(
                "Cassandra has not answered for %.0f s: all work that waits for it is given up, and what comes "
                "until it answers",
                now - self._silent_since,
            )
            self._limit_attempts(now)

    def _end(self, now: float) -> None:
        began, self._began, self._all_away = self._began or now, None, False
        self.count(ended=1)
        self._limit_attempts(None)
        _log.warning(
            "Cassandra works again after %.1f s: work was retried %d times and given up %d times",
            now - began,
            self._retries,
            self._given_up,
        )

    def _limit_attempts(self, until: float | None) -> None:
        for attempt in self._attempts:
            if not attempt.expired():
                attempt.reschedule(until)

    @asynccontextmanager
    async def _attempt(self) -> AsyncIterator[None]:
        """Lets work be tried, and ends it when all of Cassandra turns out to be away."""
        probe = await self._admission() if self._all_away else None
        try:
            async with asyncio.timeout(_PROBE_S if probe else None) as limit:
                self._attempts.add(limit)
                try:
                    yield
                finally:
                    self._attempts.discard(limit)
        except TimeoutError as e:
            if not limit.expired():
                raise
            raise (self._error or NoAnswerError("no answer")) from e
        finally:
            if probe:
                self._probe = None
                self._next_probe_at = asyncio.get_running_loop().time() + _BETWEEN_PROBES_S
                probe.set_result(None)

    async def _admission(self) -> asyncio.Future[None] | None:
        """Wait for the probe that is under way.

        Returns:
            None if Cassandra answers by then; else the future of a new probe, which the caller's work is.

        Raises:
            TransientError: that of the outage, if a probe has just failed.
        """
        loop = asyncio.get_running_loop()
        while self._all_away:
            if self._probe is not None:
                await asyncio.shield(self._probe)
            elif loop.time() < self._next_probe_at and self._error is not None:
                raise self._error
            else:
                self._probe = loop.create_future()
                return self._probe
        return None
