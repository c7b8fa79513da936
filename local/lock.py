"""Locks on files, which the system takes away from whoever ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from local.console import console


def locked(file: IO[str], how: int = fcntl.LOCK_EX) -> bool:
    """Lock the file until it is closed, if nobody else holds it; in the way of flock, exclusively or not."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def one_at_a_time(file: Path) -> Iterator[None]:
    """Wait until nobody else is within a block that has the same file, which is left behind, empty."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        if not locked(lock):
            console.print(f"Waiting for another command, which has {file} …", markup=False)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
