"""The life of a detached server, tried on small ones."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from local import ports, service
from local.errors import LocalError
from local.service import Service
from local.settings import LocalSettings

LISTEN = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + LISTEN
NEVER = "import time; print('no news'); time.sleep(600)"
DYING = (
    """print('starting'); print('ERROR: the disk is full'); print('\\tat Disk.write(Disk.java)'); print('bye')"""
)

MakeService = Callable[..., Service]


@pytest.fixture
def make(folder: LocalSettings) -> Iterator[MakeService]:
    """Makes services; each call gives another object, as another command would have."""
    made = []

    def make_service(program: str = LISTEN, port: int = folder.kafka_port) -> Service:
        made.append(
            Service(
                "Server",
                folder,
                port=port,
                port_variable="SERVER_PORT",
                prepare=lambda: [sys.executable, "-u", "-c", program, str(port)],
                answers=lambda: True,
            )
        )
        return made[-1]

    yield make_service
    for server in made:
        server.kill()


def test_a_server_is_found_and_stopped_by_the_next_command(make: MakeService) -> None:
    make().start()
    found = make()
    found.wait_ready()
    assert found.is_running()
    assert found.pid is not None
    found.stop()
    assert not found.is_running()
    assert found.pid is None
    assert not ports.in_use(found.port)


def test_a_server_outlives_the_command_that_started_it(make: MakeService, folder: LocalSettings) -> None:
    server = make()
    starter = (
        "import sys; from local.service import Service; from local.settings import read_settings; "
        f"s = read_settings({{'DATA_DIR': {str(folder.data_dir)!r}}}); "
        f"Service('Server', s, port={server.port}, port_variable='', answers=lambda: True, "
        f"prepare=lambda: [sys.executable, '-c', {LISTEN!r}, '{server.port}']).start()"
    )
    subprocess.run([sys.executable, "-c", starter], check=True)
    server.wait_ready()
    assert server.pid is not None
    assert os.getpgid(server.pid) == server.pid != os.getpgrp()


def test_killing_leaves_nothing_and_it_can_start_again(make: MakeService) -> None:
    server = make()
    server.start()
    server.wait_ready()
    first = server.pid
    server.kill()
    assert not server.is_running()
    server.start()
    server.wait_ready()
    assert server.pid != first


def test_a_server_deaf_to_sigterm_is_killed(make: MakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_STOP_GRACE_S", 1)
    server = make(DEAF)
    server.start()
    server.wait_ready()
    server.stop()
    assert not server.is_running()


def test_a_recycled_pid_is_never_killed(make: MakeService, folder: LocalSettings) -> None:
    server = make()
    with subprocess.Popen(
        [sys.executable, "-c", NEVER], stdout=subprocess.DEVNULL, start_new_session=True
    ) as other:
        pid_file = folder.data_dir / "run" / "server.pid"
        pid_file.parent.mkdir(parents=True)
        pid_file.write_text(f"{other.pid} {server.port}")
        assert not server.is_running()
        server.stop()
        assert other.poll() is None
        assert not pid_file.exists()
        other.kill()


def test_stopping_what_never_ran_is_fine(make: MakeService) -> None:
    make().stop()


def test_a_port_in_use_is_refused_before_anything_starts(make: MakeService, folder: LocalSettings) -> None:
    other = make()
    other.start()
    other.wait_ready()
    server = Service(
        "Other",
        folder,
        port=other.port,
        port_variable="OTHER_PORT",
        prepare=lambda: ["false"],
        answers=lambda: True,
    )
    with pytest.raises(LocalError) as refused:
        server.start()
    assert str(refused.value) == (
        f"Port {other.port} for Other is in use by another program; stop that, or set OTHER_PORT to a free port."
    )
    assert not server.is_running()


def test_a_server_started_on_another_port_is_not_taken_for_this_one(
    make: MakeService, folder: LocalSettings
) -> None:
    make().start()
    with pytest.raises(LocalError) as refused:
        make(port=folder.cassandra_port).check_port()
    assert str(refused.value) == (
        f"Server was started on port {folder.kafka_port}; set SERVER_PORT={folder.kafka_port}, "
        "or stop it first with ./run_local.sh down."
    )


def test_starting_twice_is_refused(make: MakeService) -> None:
    server = make()
    server.start()
    pid = server.pid
    with pytest.raises(LocalError, match="Server is up already;"):
        make().start()
    assert server.pid == pid


def test_a_server_that_dies_is_reported_at_once_with_its_reason(make: MakeService) -> None:
    server = make(DYING)
    started = time.monotonic()
    server.start()
    with pytest.raises(LocalError) as died:
        server.wait_ready(timeout_s=600)
    assert time.monotonic() - started < 60
    assert str(died.value) == (
        f"Server ended while it was starting; put right what {server.log} says: ERROR: the disk is full"
    )


def test_a_server_that_does_not_answer_is_reported_in_time(make: MakeService) -> None:
    server = make(NEVER)
    server.start()
    time.sleep(1)
    with pytest.raises(LocalError, match=r"^Server did not answer at 127.0.0.1:\d+ within 1 s; .*: no news$"):
        server.wait_ready(timeout_s=1)


def test_running_stops_it_whatever_happens(make: MakeService) -> None:
    server = make()
    was_ready = []
    with suppress(KeyboardInterrupt), server.running():
        was_ready.append(server.is_ready())
        raise KeyboardInterrupt
    assert was_ready == [True]
    assert not server.is_running()
