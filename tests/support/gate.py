"""A gate before a server: it lets connections through, refuses them, or holds back all that is sent."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Thread

from local.ports import free_ports
from local.settings import HOST


class Gate:
    """Listens on a port of its own, and passes what comes on to the server's; open from the beginning.

    Attributes:
        port: where it listens.
    """

    def __init__(self, server_port: int) -> None:
        """Open it."""
        (self.port,) = free_ports(1)
        self._server_port = server_port
        self._flows = Event()
        self._listener: socket.socket | None = None
        self._connections: list[socket.socket] = []
        self.open()

    def open(self) -> None:
        """Let everything through."""
        self._flows.set()
        if self._listener is None:
            self._listener = socket.create_server((HOST, self.port))
            Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def hang(self) -> None:
        """Hold back what is sent from now on, as a node does that was stopped."""
        self._flows.clear()

    def drop(self) -> None:
        """End all connections; new ones are taken."""
        connections, self._connections = self._connections, []
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def close(self) -> None:
        """End all connections and refuse new ones, as the machine of a node does that has died."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.drop()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((HOST, self._server_port))
                self._connections += (client, server)
                for one, other in ((client, server), (server, client)):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    Thread(target=self._pass_on, args=[one, other], daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                self._flows.wait()
                other.sendall(data)
        for end in one, other:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
