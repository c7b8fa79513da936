"""Which nodes are used: those of one data centre, which must be known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, closing
from types import SimpleNamespace

import pytest
from hamcrest import assert_that, calling, contains_exactly, contains_string, empty, has_entries, raises

from faults.keyspaces import Keyspace
from faults.memory_tables import CONTENT_CONSUMPTION
from local import ports, schema
from local.services import cassandra_nodes
from local.settings import LocalSettings
from pipeline.configuration.errors import ConfigError
from pipeline.configuration.settings import resolve
from pipeline.run import check_tables
from tests.support.tables import Tables
from transforms.store.errors import SchemaError
from transforms.store.nodes import check_data_centre, server_warnings

NODES = "127.0.0.1", "127.1.0.1"
"""In the data centres 0 and 1."""

REPLICATION = "{'class': 'NetworkTopologyStrategy', '0': 1, '1': 1}"


def host(datacenter: str | None = "dc1", release_version: str = "5.0.5") -> SimpleNamespace:
    return SimpleNamespace(datacenter=datacenter, release_version=release_version)


@pytest.mark.parametrize(
    ("datacenters", "local_dc"),
    [(["dc1"], None), (["dc1", "dc1"], None), (["dc1", None], None), ([None], "dc1"), (["dc1", "dc2"], "dc2")],
)
def test_one_data_centre_needs_no_name_and_of_several_one_is_named(
    datacenters: list[str | None], local_dc: str | None
) -> None:
    check_data_centre(map(host, datacenters), local_dc)


def test_yugabytedb_is_known_by_its_release_and_said_to_be_untried() -> None:
    assert_that(list(server_warnings([host(), host(release_version="4.1.10")])), empty())
    assert_that(
        list(server_warnings([host(release_version="3.9-SNAPSHOT")] * 2)),
        contains_exactly(contains_string("on which the job has never run")),
    )


@pytest.fixture(scope="module")
def two_data_centres(settings: LocalSettings) -> Iterator[Keyspace]:
    """A keyspace with a replica in each of two data centres."""
    (port,) = ports.free_ports(1)
    own = dataclasses.replace(settings, data_dir=settings.data_dir / "data-centres", cassandra_port=port)
    with ExitStack() as running:
        for node in cassandra_nodes(own, 2, in_data_centres=True):
            running.enter_context(node.running())
        session = running.enter_context(schema.connect(own, keyspace=None))
        schema.apply(session, "of_two")
        session.execute(f"ALTER KEYSPACE of_two WITH replication = {REPLICATION}")
        yield Keyspace(session, port)


@pytest.mark.parametrize(
    ("local_dc", "sentence"),
    [
        (None, "lms-cassandra.local.dc: the cluster has the data centres 0, 1; set it to one of them"),
        ("2", "lms-cassandra.local.dc: the cluster has no data centre 2, but 0, 1"),
    ],
)
def test_a_data_centre_that_is_not_named_or_not_there_is_refused_at_start(
    local_dc: str | None, sentence: str, two_data_centres: Keyspace
) -> None:
    with closing(Tables(two_data_centres.settings(local_dc=local_dc))) as tables:
        assert_that(calling(tables.check), raises(SchemaError, sentence))
    argv = [
        f"--lms_cassandra_host={NODES[0]}",
        f"--lms_cassandra_port={two_data_centres.port}",
        "--lms_cassandra_keyspace=of_two",
        f"--lms_cassandra_local_dc={local_dc or ''}",
    ]
    assert_that(calling(check_tables).with_args(resolve(argv, {})), raises(ConfigError, sentence))


def test_it_merges_in_the_data_centre_that_is_named(two_data_centres: Keyspace) -> None:
    content = {"courseid": "c1", "batchid": "b1", "contentid": "k1"}
    rows = [{"userid": account, "viewcount": count, **content} for account, count in (("a", 2), ("b", 3))]
    two_data_centres.insert({CONTENT_CONSUMPTION: rows})
    for datacenter in "01":
        with closing(Tables(two_data_centres.settings(local_dc=datacenter, hosts=NODES))) as tables:
            tables.check()
            tables.merge("a", "b")
            used = {each.datacenter for each in tables.store._session.driver.get_pool_state()}
            assert_that(used, contains_exactly(datacenter))
        assert_that(
            two_data_centres.rows(CONTENT_CONSUMPTION, userid="b"), contains_exactly(has_entries(viewcount=5))
        )
