"""One process at a time, where several commands or tests may want the same made at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.console import console


@contextmanager
def one_at_a_time(file: Path) -> Iterator[None]:
    """Wait until nobody else is within a block that has the same file, which is left behind, empty."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print(f"Waiting for another command, which has {file} …", markup=False)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
