"""Connections to Cassandra on the event loop on which merges await them."""

from __future__ import annotations

import ssl
from typing import Any

from cassandra.connection import ConnectionShutdown
from cassandra.io.asyncioreactor import AsyncioConnection

from transforms.store.event_loop import event_loop, on_event_loop
from transforms.store.stream_ids import OwnAnswers

_NOT_YET = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class LoopConnection(OwnAnswers, AsyncioConnection):
    """The driver's own connection on asyncio, but on the process's loop, and without queue and tasks for writing.

    A reactor on a thread of its own would pass each request and each answer to the other thread, and both would
    wait for the interpreter's lock (docs/decisions/0034).
    """

    in_buffer_size = 65_536
    """In bytes: most answers come in one piece. A record of TLS (16 KB) must fit: what is left of it inside the
    socket would wake nobody."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Connect; called by the driver."""
        self._unsent = bytearray()
        super().__init__(*args, **kwargs)

    @classmethod
    def initialize_reactor(cls) -> None:
        """Take the process's loop; called by the driver before the first connection."""
        cls._loop = event_loop()

    async def handle_read(self) -> None:
        """Read from now on whenever there is something; called by the driver, once."""
        self._loop.add_reader(self._socket, self._read)

    async def handle_write(self) -> None:
        """Do nothing: a message is written when it is pushed; called by the driver, once."""

    def push(self, data: bytes) -> None:
        """Send a message; called by the driver, on any thread."""
        if on_event_loop():
            self._write(data)
        else:
            self._loop.call_soon_threadsafe(self._write, data)

    def _write(self, data: bytes) -> None:
        if not self._unsent:
            data = data[self._send(data) :]
            if data:
                self._loop.add_writer(self._socket, self._write_rest)
        self._unsent += data

    def _write_rest(self) -> None:
        del self._unsent[: self._send(self._unsent)]
        if not self._unsent:
            self._loop.remove_writer(self._socket)

    def _send(self, data: bytes | bytearray) -> int:
        """How many bytes need not be sent any more."""
        try:
            return int(self._socket.send(data))
        except _NOT_YET:
            return 0
        except OSError as e:
            self.defunct(e)
            return len(data)

    def _read(self) -> None:
        try:
            data = self._socket.recv(self.in_buffer_size)
        except _NOT_YET:
            return
        except OSError as e:
            self.defunct(e)
            return
        if data:
            self._iobuf.write(data)
            self.process_io_buffer()
        else:
            # Not just close(): before the first answer the driver would take the connection for a good one.
            self.defunct(ConnectionShutdown(f"{self.endpoint} closed the connection"))
