"""Ports of this machine: which are in use, and which are free."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from local.settings import HOST


def in_use(port: int) -> bool:
    """Whether a server cannot be started on the port."""
    with socket.socket() as server:
        # Connections that a former server has left in TIME_WAIT are no obstacle.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except OSError:
            return True
    return False


def answers(port: int) -> bool:
    """Whether a server accepts connections on the port."""
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, all different."""
    with ExitStack() as held:
        servers = [held.enter_context(socket.socket()) for _ in range(count)]
        for server in servers:
            server.bind((HOST, 0))
        return [server.getsockname()[1] for server in servers]


def free_ports_in_a_row(count: int) -> int:
    """The first of so many ports in a row that nobody uses now."""
    while True:
        (first,) = free_ports(1)
        if first + count <= 65536 and not any(in_use(port) for port in range(first, first + count)):
            return first
