"""py-spy: samples the stacks of a Python process that knows nothing of it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from local.errors import LocalError

SAMPLES_A_S = 100

_TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*')


class PySpy:
    """py-spy on one process: samples the stack of the thread that has the GIL, and never stops it.

    So waiting is not in the samples, nor is work in C that gives the GIL away. How py-spy tells threads that wait
    from those that work otherwise does not do on every kernel.
    """

    def __init__(self, picture: Path) -> None:
        """Name the file of the flame graph."""
        self._picture = picture
        self._log = picture.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, pid: int) -> None:
        """Start to sample a process, until it ends or `stop` is called."""
        command = [
            *(str(Path(sys.executable).with_name("py-spy")), "record", "--function", "--gil", "--nonblocking"),
            *(f"--rate={SAMPLES_A_S}", f"--output={self._picture}", f"--pid={pid}"),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def start_in_busiest_child(self, parent: int) -> None:
        """Start to sample the descendant of a process that has worked most so far."""
        children = psutil.Process(parent).children(recursive=True)
        self.start(max(children, key=lambda child: child.cpu_times().user).pid)

    def stop(self) -> None:
        """Stop, and wait for the flame graph.

        Raises:
            LocalError: if there is none.
        """
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._process.wait()
        if not self._picture.exists():
            lines = self._log.read_text().strip().splitlines() or ["it said nothing"]
            msg = f"py-spy could not sample the pipeline; it must be allowed to trace processes: {lines[-1]}"
            raise LocalError(msg)
        self._picture.write_text(titled(self._picture.read_text()))
        self._log.unlink()


def titled(svg: str) -> str:
    """A flame graph named after our command: py-spy has its own as the title, with the paths of this machine."""
    return _TITLE.sub(r"\1./run_local.sh bench profile", svg)
