"""Rates, sums and percentiles of what was measured."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE

import pytest
from hamcrest import assert_that, calling, close_to, equal_to, greater_than, less_than, raises

from benchmarks.measure import CASSANDRA, KINDS, PYTHON, Sampler
from benchmarks.phases import Phase, percentile, together


def _phase(events: int, seconds: float, cpu_ms: float, peak_mb: float) -> Phase:
    return Phase(events, events * 10, seconds, dict.fromkeys(KINDS, cpu_ms), dict.fromkeys(KINDS, peak_mb))


def test_phases_together_have_the_rate_of_all_their_events_and_the_largest_peak() -> None:
    both = together([_phase(30, 1, 60, 5), _phase(10, 3, 20, 7)])
    assert_that(both.events_per_s, equal_to(10))
    assert_that(both.rows_per_s, equal_to(100))
    assert_that(both.cpu_ms_per_event(PYTHON), equal_to(2))
    assert_that(both.merging_cpu_ms_per_event, equal_to(4))
    assert_that(both.peak_mb[PYTHON], equal_to(7))


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (95, 10), (90, 9), (91, 10), (1, 1), (100, 10)])
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(percent: float, value: float) -> None:
    assert_that(percentile([10, 1, 9, 2, 8, 3, 7, 4, 6, 5], percent), equal_to(value))


def test_nothing_has_no_percentile() -> None:
    assert_that(calling(percentile).with_args([], 50), raises(ValueError, "nothing"))


_BUSY = "import time\nwhile time.process_time() < 0.5: pass\nprint(time.process_time(), flush=True)\ninput()"
_LARGE = """
import time
kept = bytearray(200_000_000)
print(flush=True)
input()
until = time.process_time() + 0.02
while time.process_time() < until: pass
print(flush=True)
input()
"""


@contextmanager
def python(program: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own: of this one, all that other tests have started is counted too."""
    with subprocess.Popen([sys.executable, "-c", program], stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.communicate("\n")


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def test_the_sampler_counts_the_cpu_of_a_process_between_two_times() -> None:
    with python(_BUSY) as busy, Sampler({busy.pid: PYTHON}) as sampler:
        began, used = time.time(), float(said(busy))
        sampler.sample()
        ended = time.time()
    assert_that(sampler.cpu_ms(began, ended)[PYTHON], close_to(1000 * used, 100))
    assert_that(sampler.cpu_ms(began, ended)[CASSANDRA], equal_to(0))
    assert_that(sampler.peak_mb(began, ended)[PYTHON], greater_than(5))


def test_the_memory_of_who_waits_for_his_turn_is_not_counted() -> None:
    with python(_LARGE) as large:
        said(large)
        with python(_BUSY) as busy, Sampler({large.pid: PYTHON, busy.pid: PYTHON}) as sampler:
            began = time.time()
            sampler.sample()
            print(file=large.stdin, flush=True)
            said(large)
            said(busy)
            sampler.sample()
            ended = time.time()
    assert_that(sampler.peak_mb(began, ended)[PYTHON], less_than(200))
