"""Ports in use and free ones."""

import socket

from local import ports


def test_a_port_is_in_use_while_a_server_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ports.in_use(port)
        assert ports.answers(port)
    assert not ports.in_use(port)
    assert not ports.answers(port)


def test_a_server_on_all_addresses_counts_too() -> None:
    with socket.create_server(("", 0)) as server:
        assert ports.in_use(server.getsockname()[1])


def test_free_ports_differ_and_are_free() -> None:
    found = ports.free_ports(20)
    assert len(set(found)) == 20
    assert not any(ports.in_use(port) for port in found)
