"""The pool of workers: who reaches it, what it starts, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from apache_beam.runners.worker.sdk_worker import BundleProcessorCache
from hamcrest import assert_that, contains_string, empty, equal_to, has_item, less_than

from local import ports
from local.settings import PROJECT
from pipeline.flink.worker_pool import answers

COMMAND = [sys.executable, "-m", "pipeline.flink.worker_pool"]
GRACE_S = 10

StartPool = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def port() -> int:
    return ports.free_ports(1)[0]


@pytest.fixture
def start_pool(port: int) -> Iterator[StartPool]:
    """Starts a pool, which answers then, and ends it with its workers."""
    pools = []

    def start(grace_s: float = GRACE_S) -> subprocess.Popen[str]:
        pool = subprocess.Popen(
            [*COMMAND, f"--port={port}", f"--grace={grace_s}"],
            cwd=PROJECT,
            # Where its workers find the DoFn of the tests.
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        pools.append(pool)
        _wait(lambda: answers(port))
        return pool

    yield start
    for pool in pools:
        for process in [*(psutil.Process(pool.pid).children() if pool.poll() is None else ()), pool]:
            process.kill()
        pool.communicate()


@pytest.fixture
def start_bundle(port: int, tmp_path: Path) -> Iterator[Callable[[float], subprocess.Popen[bytes]]]:
    """Starts a pipeline whose only bundle, which has begun then, takes so many seconds."""
    pipelines = []

    def start(seconds: float) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.pipeline.flink.slow_bundle", str(port), tmp_path, str(seconds)]
        pipelines.append(subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL))
        _wait((tmp_path / "begun").exists)
        return pipelines[-1]

    yield start
    for pipeline in pipelines:
        pipeline.kill()
        pipeline.wait()


def test_only_loopback_reaches_it(start_pool: StartPool, port: int) -> None:
    start_pool()
    addresses = {
        (address.family, address.address)
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family in {socket.AF_INET, socket.AF_INET6}
    }
    assert_that(addresses, has_item((socket.AF_INET, "127.0.0.1")))

    reached = [address for address in [*addresses, (socket.AF_INET, "127.0.0.2")] if _connects(*address, port)]

    assert_that(reached, equal_to([(socket.AF_INET, "127.0.0.1")]))


def test_the_check_says_whether_it_answers(start_pool: StartPool, port: int) -> None:
    check = [*COMMAND, f"--port={port}", "--check"]
    assert_that(subprocess.run(check, cwd=PROJECT, check=False).returncode, equal_to(1))
    start_pool()
    assert_that(subprocess.run(check, cwd=PROJECT, check=False).returncode, equal_to(0))


def test_the_check_fails_where_something_else_listens(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        assert not answers(port)


def test_a_second_pool_does_not_share_the_port(start_pool: StartPool, port: int) -> None:
    start_pool()

    second = subprocess.run([*COMMAND, f"--port={port}"], cwd=PROJECT, capture_output=True, text=True, check=False)

    assert_that(second.returncode, equal_to(1))
    assert_that(second.stderr, contains_string(f"Port {port} of 127.0.0.1 cannot be listened on"))


def test_it_handles_the_signals_that_end_it_so_that_it_may_be_the_first_process(start_pool: StartPool) -> None:
    pool = start_pool()
    (mask,) = (
        int(line.split()[1], 16)
        for line in Path(f"/proc/{pool.pid}/status").read_text().splitlines()
        if line.startswith("SigCgt")
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # The kernel gives the first process of a container only signals that it catches.
        assert mask & 1 << (number - 1)

    pool.terminate()

    assert_that(pool.wait(GRACE_S / 2), equal_to(0))


def test_it_runs_workers_and_ends_them_when_they_are_not_needed(
    start_pool: StartPool, start_bundle: Callable[[float], subprocess.Popen[bytes]]
) -> None:
    pool = start_pool()
    pipeline = start_bundle(0.1)

    assert_that(pipeline.wait(30), equal_to(0))
    _wait(lambda: not psutil.Process(pool.pid).children())


def test_it_ends_after_the_bundles_in_work(
    start_pool: StartPool, start_bundle: Callable[[float], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    pool = start_pool()
    pipeline = start_bundle(3)
    workers = psutil.Process(pool.pid).children()
    assert not (tmp_path / "ended").exists()

    pool.terminate()

    assert_that(pool.wait(GRACE_S - 1), equal_to(0))
    assert (tmp_path / "ended").exists()
    assert_that([w for w in workers if w.is_running()], empty())
    assert_that(pipeline.wait(30), equal_to(0))  # which has got the bundle's answer


def test_bundles_that_take_longer_than_the_grace_are_given_up(
    start_pool: StartPool, start_bundle: Callable[[float], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    pool = start_pool(grace_s=1)
    start_bundle(120)
    workers = psutil.Process(pool.pid).children()
    began = time.monotonic()

    pool.terminate()

    assert_that(pool.wait(GRACE_S), equal_to(0))
    assert_that(time.monotonic() - began, less_than(GRACE_S))
    assert not (tmp_path / "ended").exists()
    assert_that([w for w in workers if w.is_running()], empty())


def test_beam_has_the_private_part_that_says_which_bundles_are_in_work() -> None:
    assert_that(
        BundleProcessorCache(
            None, None, None, {}
        ).active_bundle_processors,  # of SdkHarness._bundle_processor_cache
        equal_to({}),
    )


def _connects(family: int, address: str, port: int) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        return connection.connect_ex((address, port)) == 0


def _wait(is_so: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
