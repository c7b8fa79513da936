"""Ports of this machine: which are in use, and which are free."""

from __future__ import annotations

import random
import socket

from local.settings import HOST

_FOR_SERVERS = range(20_000, 32_768)
"""Below those that Linux and macOS give to outgoing connections, one of which may take a port that was free when
it was looked for and is not listened on yet."""


def in_use(port: int, host: str = HOST) -> bool:
    """Whether a server cannot be started on the port."""
    with socket.socket() as server:
        # Connections that a former server has left in TIME_WAIT are no obstacle.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, port))
        except OSError:
            return True
    return False


def answers(port: int, host: str = HOST) -> bool:
    """Whether a server accepts connections on the port."""
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, all different."""
    free: list[int] = []
    while len(free) < count:
        port = free_ports_in_a_row(1)
        if port not in free:
            free.append(port)
    return free


def free_ports_in_a_row(count: int) -> int:
    """The first of so many ports in a row that nobody uses now."""
    while True:
        first = random.choice(_FOR_SERVERS[:-count])  # noqa: S311 - nobody is to be kept from guessing it
        if not any(in_use(port) for port in range(first, first + count)):
            return first
