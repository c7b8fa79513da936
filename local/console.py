"""What a command tells the user while it works."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(highlight=False)


@contextmanager
def step(doing: str, done: str) -> Iterator[None]:
    """Show that a long step is going on, and at its end how long it took."""
    started = time.monotonic()
    with console.status(f"{doing} …"):
        yield
    console.print(f"{done} ({time.monotonic() - started:.0f} s).")
