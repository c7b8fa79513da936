"""What is warned of where the ledger is not read and written at a quorum."""

from __future__ import annotations

import logging
from typing import Any
from unittest import mock

import pytest
from cassandra.metadata import KeyspaceMetadata, TableMetadata
from hamcrest import assert_that, contains_exactly, contains_string, empty, equal_to

from faults.keyspaces import Keyspace, MakeKeyspace
from faults.memory_tables import LEDGER
from transforms.store.ledger import Ledger
from transforms.store.quorum import ledger_warnings
from transforms.store.session import Store

_TWO_CENTRES = {"class": "NetworkTopologyStrategy", "dc1": "3", "dc2": "3"}


def _warnings(level: str, replication: dict[str, str], local_dc: str | None = None, **options: Any) -> list[str]:
    settings = Keyspace(mock.Mock(keyspace="k"), 9042).settings(consistency_level=level, local_dc=local_dc)
    others = {name: value for name, value in replication.items() if name != "class"}
    keyspace = KeyspaceMetadata("k", True, replication["class"], others)
    return list(ledger_warnings(settings, keyspace, TableMetadata("k", "ledger", options=options)))


def _simple(replicas: int) -> dict[str, str]:
    return {"class": "SimpleStrategy", "replication_factor": str(replicas)}


@pytest.mark.parametrize(
    ("level", "replication", "local_dc"),
    [
        ("ONE", _simple(2), None),
        ("ONE", _simple(3), None),
        ("LOCAL_ONE", _simple(3), None),
        ("TWO", _simple(5), None),
        ("TWO", _simple(4), None),
        ("THREE", _TWO_CENTRES, "dc1"),
        ("LOCAL_ONE", _TWO_CENTRES, "dc1"),
        ("LOCAL_ONE", {"class": "NetworkTopologyStrategy", "dc1": "1", "dc2": "3"}, None),
    ],
)
def test_a_level_below_a_quorum_is_warned_of(
    level: str, replication: dict[str, str], local_dc: str | None
) -> None:
    assert_that(
        _warnings(level, replication, local_dc),
        contains_exactly(
            contains_string(f"lms-cassandra.consistency.level is {level}, which is below a quorum of")
        ),
    )


@pytest.mark.parametrize(
    ("level", "replication", "local_dc"),
    [
        ("ONE", _simple(1), None),
        ("TWO", _simple(3), None),
        ("THREE", _simple(5), None),
        *((level, _TWO_CENTRES, "dc1") for level in ("LOCAL_QUORUM", "QUORUM", "EACH_QUORUM", "ALL")),
        ("LOCAL_ONE", {"class": "NetworkTopologyStrategy", "dc1": "1", "dc2": "3"}, "dc1"),
    ],
)
def test_any_other_is_not(level: str, replication: dict[str, str], local_dc: str | None) -> None:
    assert_that(_warnings(level, replication, local_dc, read_repair="BLOCKING"), empty())


def test_a_ledger_that_is_not_repaired_when_it_is_read_is_warned_of() -> None:
    assert_that(
        _warnings("LOCAL_QUORUM", _simple(3), read_repair="NONE"),
        equal_to(["Views may be counted twice: set read_repair = 'BLOCKING' for k.ledger."]),
    )


def test_it_is_warned_of_when_a_worker_connects(
    make_keyspace: MakeKeyspace, caplog: pytest.LogCaptureFixture
) -> None:
    keyspace = make_keyspace()
    name = keyspace.session.keyspace
    keyspace.session.execute(
        f"ALTER KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 3}}"
    )
    keyspace.session.execute(f"ALTER TABLE {LEDGER} WITH read_repair = 'NONE'")
    store = Store(keyspace.settings(consistency_level="ONE"))
    with caplog.at_level(logging.WARNING, "transforms"):
        store.check([Ledger])
    store.close()
    warned = [record.getMessage() for record in caplog.records if record.name.startswith("transforms")]
    assert_that(
        warned,
        contains_exactly(
            contains_string("lms-cassandra.consistency.level is ONE, which is below a quorum of the 3 replicas"),
            contains_string("set read_repair = 'BLOCKING'"),
        ),
    )
