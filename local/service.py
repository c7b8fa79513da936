"""A server that runs detached: it outlives the command that started it and is found again by the next one.

The server inherits a lock on its pid file and so holds it exactly as long as it lives. Whoever finds the file
locked knows that the pid in it is the server's; whoever does not, that nothing is left of it, whatever process may
have its pid now.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from local import ports
from local.errors import LocalError
from local.lock import locked
from local.settings import HOST, LocalSettings

_POLL_S = 0.1
_STOP_GRACE_S = 30
_SAYS_WHY = re.compile(r"error|exception|fatal", re.IGNORECASE)
_STACK_FRAME = re.compile(r"\s+(at |\.\.\. \d+ more)")


class Service:
    """A server of a set of local services.

    Attributes:
        name: what the user calls it.
        port: where it listens.
        host: the loopback address on which it listens.
        port_variable: the environment variable that sets the port.
        log: the file with all its output since it was started last.
    """

    def __init__(
        self,
        name: str,
        settings: LocalSettings,
        *,
        port: int,
        port_variable: str,
        prepare: Callable[[], Sequence[str]],
        answers: Callable[[], bool],
        host: str = HOST,
    ) -> None:
        """Describe the server; nothing is started.

        Args:
            name: what the user calls it.
            settings: says where its files are.
            port: where it listens.
            port_variable: the environment variable that sets the port.
            prepare: writes its configuration and returns the command that starts it.
            answers: says whether it does its work, given that the port is open.
            host: the loopback address on which it listens.
        """
        self.name = name
        self.host = host
        self.port = port
        self.port_variable = port_variable
        self.log = settings.logs_dir / f"{name.lower()}.log"
        self._pid_file = settings.data_dir / "run" / f"{name.lower()}.pid"
        self._prepare = prepare
        self._answers = answers
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Its process, if it runs."""
        return self._recorded()[0] if self.is_running() else None

    def is_running(self) -> bool:
        """Whether its process is there."""
        try:
            pid_file = self._pid_file.open()
        except FileNotFoundError:
            return False
        with pid_file:
            return not locked(pid_file, fcntl.LOCK_SH)

    def is_ready(self) -> bool:
        """Whether it answers."""
        return self.is_running() and ports.answers(self.port, self.host) and self._answers()

    def check_port(self) -> None:
        """Make sure that it listens on its port, or can.

        Raises:
            LocalError: if somebody else uses the port, or it was started on another one.
        """
        if self.is_running():
            port = self._recorded()[1]
            if port != self.port:
                msg = (
                    f"{self.name} was started on port {port}; set {self.port_variable}={port}, "
                    "or stop it first with ./run_local.sh down."
                )
                raise LocalError(msg)
        elif ports.in_use(self.port, self.host):
            msg = (
                f"Port {self.port} for {self.name} is in use by another program; "
                f"stop that, or set {self.port_variable} to a free port."
            )
            raise LocalError(msg)

    def start(self) -> None:
        """Start it in a process group of its own, without waiting for it.

        Raises:
            LocalError: if it runs already, the port is in use, or it cannot be started.
        """
        self.check_port()
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self._pid_file.open("a") as pid_file, self.log.open("wb") as log:
            if not locked(pid_file):
                msg = f"{self.name} is up already; stop it first with ./run_local.sh down."
                raise LocalError(msg)
            self._child = subprocess.Popen(
                self._prepare(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[pid_file.fileno()],
            )
            pid_file.truncate(0)
            pid_file.write(f"{self._child.pid} {self.port}")

    def wait_ready(self, timeout_s: float = 180) -> None:
        """Wait until it answers.

        Raises:
            LocalError: at once if its process has ended, and if it does not answer in time.
        """
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if not self.is_running():
                msg = f"{self.name} ended while it was starting; put right what {self.log} says: {self._reason()}"
                raise LocalError(msg)
            if time.monotonic() > deadline:
                msg = (
                    f"{self.name} did not answer at {self.address} within {timeout_s:.0f} s; "
                    f"see what {self.log} says: {self._reason()}"
                )
                raise LocalError(msg)
            time.sleep(_POLL_S)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start it, wait until it answers, and stop it at the end."""
        try:
            self.start()
            self.wait_ready()
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop it in an orderly way, or by force if it takes too long; nothing is left of it then."""
        self._signal(signal.SIGTERM)
        self._wait_gone(_STOP_GRACE_S)
        self.kill()

    def kill(self) -> None:
        """End it at once, as kill -9 does."""
        self._signal(signal.SIGKILL)
        self._wait_gone(_STOP_GRACE_S)
        self._pid_file.unlink(missing_ok=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop its process for a while, as SIGSTOP does: connections stay open, and nobody answers."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _recorded(self) -> tuple[int, int] | tuple[None, None]:
        """The pid and the port in the pid file; neither, if it is just being written."""
        match self._pid_file.read_text().split():
            case [pid, port]:
                return int(pid), int(port)
            case _:
                return None, None

    def _signal(self, number: signal.Signals) -> None:
        if pid := self.pid:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)

    def _wait_gone(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if self._child and not self.is_running():
            self._child.wait()

    def _reason(self) -> str:
        """The last line of the log that says something about an error, else the last one."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        lines = [line.strip() for line in lines if not _STACK_FRAME.match(line)]
        return next(filter(_SAYS_WHY.search, reversed(lines)), lines[-1] if lines else "nothing.")
