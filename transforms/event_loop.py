"""The event loop of asyncio on which a worker process awaits Cassandra."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def event_loop() -> asyncio.AbstractEventLoop:
    """The loop of this process, which runs on a thread of its own from the first call on."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="merges", daemon=True).start()
        return _loop


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """Run something on the loop, and wait for it on another thread; raises what it raises."""
    return asyncio.run_coroutine_threadsafe(work, event_loop()).result()
