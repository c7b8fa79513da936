"""The event loop of asyncio on which a worker process talks to Cassandra."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread_id: int | None = None


def event_loop() -> asyncio.AbstractEventLoop:
    """The loop of this process, which runs on a thread of its own from the first call on."""
    global _loop, _thread_id
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            thread = threading.Thread(target=_loop.run_forever, name="merges", daemon=True)
            thread.start()
            _thread_id = thread.ident
        return _loop


def on_event_loop() -> bool:
    """Whether the caller is on the loop's thread."""
    return threading.get_ident() == _thread_id


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """Run something on the loop, and wait for it on another thread; raises what it raises."""
    return asyncio.run_coroutine_threadsafe(work, event_loop()).result()
