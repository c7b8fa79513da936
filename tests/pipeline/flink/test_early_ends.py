"""A worker that is killed before its TaskManager has heard of it is started anew; else that waits for ever."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hamcrest import assert_that, equal_to

from faults.cluster import wait_until
from pipeline.flink import worker_pool
from pipeline.flink.worker_pool import WorkerPool

Pids = Callable[[], list[int]]


@pytest.fixture
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pids:
    """The pids of all workers that were started, which do nothing else than to tell them."""
    started = tmp_path / "pids"
    started.touch()
    code = f"import os, time; print(os.getpid(), file=open({str(started)!r}, 'a'), flush=True); time.sleep(60)"
    monkeypatch.setattr(worker_pool, "_WORKER", (sys.executable, "-c", code))
    return lambda: [int(line) for line in started.read_text().splitlines()]


@pytest.fixture
def pool(pids: Pids) -> Iterator[WorkerPool]:
    pool = WorkerPool()
    yield pool
    pool.end(grace_s=5)


def test_one_that_is_killed_at_its_start_is_started_anew(pool: WorkerPool, pids: Pids) -> None:
    pool.start("1-1", "127.0.0.1:1")
    wait_until(lambda: len(pids()) == 1, timeout_s=20)

    os.kill(pids()[0], signal.SIGKILL)

    wait_until(lambda: len(pids()) == 2, timeout_s=20)


def test_one_that_is_stopped_is_not(pool: WorkerPool, pids: Pids) -> None:
    pool.start("1-1", "127.0.0.1:1")
    wait_until(lambda: len(pids()) == 1, timeout_s=20)

    pool.stop("1-1")

    pool.start("1-2", "127.0.0.1:1")
    wait_until(lambda: len(pids()) >= 2, timeout_s=20)
    assert_that(len(pids()), equal_to(2))
