"""Services of a purpose's own, beside those that the user has up: free ports, and an empty folder."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from local import ports
from local.errors import LocalError
from local.flink_services import flink_services
from local.lock import locked
from local.services import services
from local.settings import FLINK_PORTS, LocalSettings


@contextmanager
def sandbox(shared: LocalSettings, name: str) -> Iterator[LocalSettings]:
    """Settings of services that one run has to itself; nothing is started, and only the jars are shared.

    Args:
        shared: the settings of the user.
        name: what the services are for, which is also the name of their folder.

    Raises:
        LocalError: if another run uses the folder.
    """
    kafka_port, cassandra_port = ports.free_ports(2)
    settings = dataclasses.replace(
        shared,
        data_dir=shared.data_dir / name,
        kafka_port=kafka_port,
        cassandra_port=cassandra_port,
        flink_port=ports.free_ports_in_a_row(FLINK_PORTS),
    )
    shared.data_dir.mkdir(parents=True, exist_ok=True)
    with (shared.data_dir / f"{name}.lock").open("w") as lock:
        if not locked(lock):
            msg = f"{settings.data_dir} is in use by another run; wait for its end, or set DATA_DIR."
            raise LocalError(msg)
        for service in (*flink_services(settings), *services(settings)):  # of a run that was killed
            service.stop()
        shutil.rmtree(settings.data_dir, ignore_errors=True)
        yield settings
