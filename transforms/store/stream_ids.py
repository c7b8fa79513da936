"""Connections on which each request is given its own answer, or an error, whatever a node sends."""

from __future__ import annotations

from typing import Any

from cassandra.connection import Connection, ConnectionException, ConnectionShutdown


class OwnAnswers(Connection):
    """What goes before a connection of the driver in a class's bases: it guards its stream ids (decision 80)."""

    def get_request_id(self) -> int:
        """A stream id that is free; called by the driver. It is never 0, the first of those at the start.

        What Cassandra 5.0 has not begun within its native_transport_timeout (12 s), such as after a pause, it
        refuses on stream 0, whichever stream that was. A request with that id would take the refusal for its own.
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
