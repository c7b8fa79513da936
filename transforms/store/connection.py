"""Connections to Cassandra on the event loop on which merges await them."""

from __future__ import annotations

import ssl
from typing import Any

from cassandra.connection import ConnectionException, ConnectionShutdown
from cassandra.io.asyncioreactor import AsyncioConnection

from transforms.store.event_loop import event_loop, on_event_loop

_NOT_YET = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class LoopConnection(AsyncioConnection):
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

    def get_request_id(self) -> int:
        """A stream id that is free; called by the driver. It is never 0, the first of those at the start.

        What Cassandra 5.0 has not begun within its native_transport_timeout (12 s), such as after a pause, it
        refuses on stream 0, whichever stream that was. A request with that id would take the refusal for its own
        (docs/decisions/0080).
        """
        return int(super().get_request_id() or super().get_request_id())

    def process_msg(self, header: Any, body: bytes) -> None:
        """Pass an answer on; called by the driver. One that nobody waits for ends the connection.

        The driver would free its stream id, which is free already or is another request's by now: two requests
        would share it, and one would be given the rows that the other asked for.
        """
        stream_id = header.stream
        if stream_id >= 0 and stream_id not in self._requests and stream_id not in self.orphaned_request_ids:
            self.defunct(
                ConnectionException(f"{self.endpoint} answered what nobody waits for, stream {stream_id}")
            )
            return
        super().process_msg(header, body)

    def send_msg(self, msg: Any, request_id: int, *args: Any, **kwargs: Any) -> int:
        """Send a message; called by the driver. An id that another request waits with ends the connection."""
        if request_id in self._requests:
            error = ConnectionShutdown(f"stream {request_id} to {self.endpoint} is in use already")
            self.defunct(error)
            raise error
        return int(super().send_msg(msg, request_id, *args, **kwargs))

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
