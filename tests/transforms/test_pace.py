"""Paces, on a clock of the test's own."""

from __future__ import annotations

import pytest
from hamcrest import assert_that, close_to, equal_to

from transforms import pace
from transforms.pace import Pace, ReadersPace, Throttle


class Clock:
    """Goes on when somebody sleeps, or is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(pace.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(pace.time, "sleep", self.go_on)

    def go_on(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_events_pass_evenly(clock: Clock) -> None:
    pace_ = Pace(10)
    passed = []
    for _ in range(31):
        pace_.wait()
        passed.append(clock.now)

    assert_that(passed[0], equal_to(1_000.0))
    assert_that(passed[30], close_to(1_003, 1e-6))
    assert_that(passed[1] - passed[0], close_to(0.1, 1e-6))


def test_a_second_that_was_lost_is_made_up_for_and_no_more(clock: Clock) -> None:
    pace_ = Pace(10)
    clock.go_on(60)

    for _ in range(11):
        pace_.wait()
    assert_that(clock.now, equal_to(1_060.0))
    pace_.wait()
    assert_that(clock.now, close_to(1_060.1, 1e-6))


@pytest.mark.parametrize(
    "readers", [[(0, 1, 2, 3)], [(0, 2), (1, 3)], [(0,), (1, 2, 3)], [(0,), (1,), (2,), (3,)]]
)
def test_readers_together_keep_to_the_pace_however_the_partitions_are_divided(
    readers: list[tuple[int, ...]], clock: Clock
) -> None:
    passed = 0
    for partitions in readers:
        reader = ReadersPace(Throttle(100, lambda: 4))
        began = clock.now
        for partition in partitions:
            reader.wait(partition)
        while clock.now < began + 10:
            for partition in partitions:
                reader.wait(partition)
                passed += 1

    assert_that(passed / (100 * 10), close_to(1, 0.02))


def test_a_reader_of_some_partitions_leaves_the_others_their_part(clock: Clock) -> None:
    reader = ReadersPace(Throttle(8, lambda: 4))
    for _ in range(21):
        reader.wait(3)

    assert_that(clock.now, close_to(1_010, 1e-6))
