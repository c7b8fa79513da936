"""Work that fails because the schema has changed is done again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from transforms.store.errors import SchemaError, StoreError, TransientError
from transforms.store.outage import Outage

_AGREEMENT_S = 10.0
"""So long after a change a busy node may not know of it, and refuse a statement that the others take."""

_LOOKS_AFTER_S = 0.0, 1.0, 2.0
"""A node may refuse a statement before the one that the driver asks knows why: the waits before each look."""

_IN_VAIN_S = 30.0
"""After looks that found nothing, so long only one is taken: what fails then fails for another reason."""

_ATTEMPTS = 20
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0

Result = TypeVar("Result")


class SchemaChanges:
    """Knows when the schema has changed.

    Statements fail by a change before the driver hears of it, in all work that has begun by then, whichever finds
    it first. Times are those of time.monotonic().
    """

    def __init__(self, outage: Outage, look: Callable[[], bool]) -> None:
        """Begin without a change.

        Args:
            outage: retries what fails by an error that may pass.
            look: reads the schema anew; whether a table that is in use is another than before. It may raise
                StoreError.
        """
        self._outage, self._look = outage, look
        self._changed_at = self._in_vain_at = -_IN_VAIN_S

    def note(self) -> None:
        """The schema has changed; on any thread."""
        self._changed_at = time.monotonic()

    async def retry(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do the work, and do it again after errors that may come from a change of the schema.

        Args:
            work: what is done; it must be idempotent.

        Raises:
            Exception: what the work raises; a TransientError only when the outage is given up.
        """
        for attempt in range(_ATTEMPTS - 1):
            began = time.monotonic()
            try:
                return await self._outage.retry(work)
            except (TransientError, SchemaError):
                raise
            except StoreError:
                if not await self._explain(began):
                    raise
            self._outage.count(retries=1)
            await asyncio.sleep(min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S))
        return await self._outage.retry(work)

    async def _explain(self, began: float) -> bool:
        """Whether an error of work that began then may come from a change."""
        for pause in _LOOKS_AFTER_S:
            await asyncio.sleep(pause)
            # Others may have found it, and prepared their statements anew, since the work began.
            if self._changed_at >= began:
                return True
            try:
                if await asyncio.to_thread(self._look):
                    self.note()
                    return True
            except StoreError:  # the nodes do not agree, or cannot be asked: nobody can tell
                return True
            now = time.monotonic()
            if now - self._changed_at < _AGREEMENT_S:
                return True
            if now - self._in_vain_at < _IN_VAIN_S:
                return False
        self._in_vain_at = time.monotonic()
        return False
