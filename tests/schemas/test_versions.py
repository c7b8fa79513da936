"""The golden flow on an older Cassandra than the other tests have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from hamcrest import assert_that, starts_with

from faults.keyspaces import Keyspace
from local import jars, ports, schema
from local.services import cassandra
from local.settings import LocalSettings
from tests.schemas.checks import check_golden_flow
from tests.schemas.migrations import Migrations
from tests.schemas.releases import RELEASES, Release

_POM = "cassandra-4.1"
_NEWEST_OF_EACH_NAME = [release for release in RELEASES if release.name in ("V1.145", "newest installer")]


@pytest.fixture(scope="module")
def keyspace_of_4_1(settings: LocalSettings) -> Iterator[tuple[Migrations, int]]:
    """A keyspace on Cassandra 4.1, and where that listens."""
    (port,) = ports.free_ports(1)
    own = dataclasses.replace(settings, data_dir=settings.data_dir / _POM, cassandra_port=port)
    jars.resolve_all(settings, [_POM])
    # What 4.1 needs to run on the JDK of the other services, which is newer than it.
    (jamm,) = (settings.jars_dir / _POM).glob("jamm-*.jar")
    node = cassandra(own, [f"-javaagent:{jamm}", "-Djava.security.manager=allow"], pom=_POM)
    with node.running(), schema.connect(own, keyspace=None) as session:
        yield Migrations(session, "migrated"), port


@pytest.mark.parametrize("release", _NEWEST_OF_EACH_NAME, ids=lambda release: release.name)
def test_three_learners_are_merged_on_cassandra_4_1(
    release: Release, keyspace_of_4_1: tuple[Migrations, int]
) -> None:
    migrations, port = keyspace_of_4_1
    version = migrations.session.execute("SELECT release_version FROM system.local").one()["release_version"]
    assert_that(version, starts_with("4.1."))
    migrations.migrate_to(release)
    check_golden_flow(release, Keyspace(migrations.session, port))
