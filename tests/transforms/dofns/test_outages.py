"""What becomes of events while Cassandra is away, and when it is back; through a gate before a real one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cassandra.policies import ConstantReconnectionPolicy
from hamcrest import assert_that, contains_string, equal_to, has_length, less_than, only_contains

from faults.keyspaces import Keyspace
from tests.support.bundles import MakeLogMerges, merges_again
from tests.support.gate import Gate
from transforms.store import cluster, requests


@pytest.fixture
def gate(keyspace: Keyspace) -> Iterator[Gate]:
    gate = Gate(keyspace.port)
    yield gate
    gate.close()


@pytest.mark.parametrize("away", [Gate.close, Gate.hang], ids=["dead", "hanging"])
def test_everything_in_flight_fails_once_the_outage_has_lasted_and_merging_goes_on_by_itself_when_it_is_over(
    away: Callable[[Gate], None],
    keyspace: Keyspace,
    gate: Gate,
    log_merges: MakeLogMerges,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requests, "_TIMEOUT_S", 1.0)
    log = log_merges(keyspace.settings(port=gate.port, retry_seconds=3))
    assert_that(log.bundle(5)[0], equal_to([]))

    away(gate)
    failed, seconds = log.bundle(500)

    assert_that(failed, has_length(500))
    assert_that({one.error for one in failed}, only_contains(contains_string("did not answer within 3 s")))
    assert_that(seconds, less_than(3 + 5))
    # Later ones do not wait for the outage's time again.
    for _ in range(2):
        failed, seconds = log.bundle(100)
        assert_that(failed, has_length(100))
        assert_that(seconds, less_than(7))

    gate.open()
    merges_again(log, within_s=30)
    assert_that(log.bundle(500)[0], equal_to([]))


def test_after_an_outage_those_that_wait_for_the_one_that_is_tried_are_merged_too(
    keyspace: Keyspace, gate: Gate, log_merges: MakeLogMerges
) -> None:
    log = log_merges(keyspace.settings(port=gate.port, retry_seconds=1))
    gate.close()
    assert_that(log.bundle(20)[0], has_length(20))

    gate.open()
    time.sleep(7)  # nothing has come meanwhile, and the driver has connected again or is made to

    assert_that(log.bundle(200)[0], equal_to([]))


def test_a_short_outage_fails_nothing(keyspace: Keyspace, gate: Gate, log_merges: MakeLogMerges) -> None:
    log = log_merges(keyspace.settings(port=gate.port, retry_seconds=60))
    assert_that(log.bundle(1)[0], equal_to([]))

    gate.drop()

    assert_that(log.bundle(100)[0], equal_to([]))


def test_a_session_whose_driver_has_given_up_reconnecting_is_made_anew(
    keyspace: Keyspace, gate: Gate, log_merges: MakeLogMerges, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few(*_: Any, **__: Any) -> ConstantReconnectionPolicy:
        return ConstantReconnectionPolicy(0.1, max_attempts=2)

    monkeypatch.setattr(cluster, "ExponentialReconnectionPolicy", few)
    log = log_merges(keyspace.settings(port=gate.port, retry_seconds=2))
    assert_that(log.bundle(1)[0], equal_to([]))
    gate.close()
    assert_that(log.bundle(5)[0], has_length(5))

    gate.open()

    merges_again(log, within_s=30)
    assert_that(log.bundle(50)[0], equal_to([]))
