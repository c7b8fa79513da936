"""What is changed of Beam's private parts is still there, and does what it is changed for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from apache_beam.runners.portability.fn_api_runner.worker_handlers import GrpcServer
from hamcrest import assert_that, equal_to

from pipeline.java_worker import GRACE_S, end_at_once


class _Server:
    """Remembers with what grace it is stopped."""

    def __init__(self) -> None:
        self.graces: list[float] = []

    def stop(self, grace: float) -> SimpleNamespace:
        self.graces.append(grace)
        return SimpleNamespace(wait=lambda: None)


def test_no_server_waits_long_for_a_worker_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # An earlier test may have run a pipeline, and so have set it in this process.
    monkeypatch.setattr(GrpcServer, "_DEFAULT_SHUTDOWN_TIMEOUT_SECS", 5)
    end_at_once()
    servers = {f"{name}_server": _Server() for name in ("control", "data", "state", "logging")}
    grpc_server = GrpcServer.__new__(GrpcServer)
    grpc_server.control_handler = SimpleNamespace(done=lambda: None)
    for name, server in servers.items():
        setattr(grpc_server, name, server)

    grpc_server.close()

    for server in servers.values():
        assert_that(server.graces, equal_to([GRACE_S]))
