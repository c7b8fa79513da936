"""The golden flow on the tables of each release of the platform (docs/schemas.md), on a real Cassandra."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from hamcrest import assert_that, calling, raises

from faults.keyspaces import Keyspace
from local import schema
from local.service import Service
from local.settings import LocalSettings
from tests.schemas.checks import check_golden_flow
from tests.schemas.migrations import Migrations
from tests.schemas.page import PAGE, with_matrix
from tests.schemas.releases import RELEASES, Release
from tests.support.tables import Tables
from transforms.store.errors import SchemaError

_MERGED = [pytest.param(release, id=release.name) for release in RELEASES if release.refused is None]
_REFUSED = [pytest.param(release, id=release.name) for release in RELEASES if release.refused is not None]


@pytest.fixture(scope="module")
def migrations(settings: LocalSettings, cassandra_service: Service) -> Iterator[Migrations]:
    with schema.connect(settings, keyspace=None) as session:
        yield Migrations(session, "migrated")


@pytest.fixture
def keyspace(release: Release, migrations: Migrations, settings: LocalSettings) -> Keyspace:
    """The keyspace as the release leaves it."""
    migrations.migrate_to(release)
    return Keyspace(migrations.session, settings.cassandra_port)


@pytest.mark.parametrize("release", _MERGED)
def test_three_learners_are_merged_out_of_order_and_again(release: Release, keyspace: Keyspace) -> None:
    check_golden_flow(release, keyspace)


@pytest.mark.parametrize("release", _REFUSED)
def test_tables_of_another_shape_are_refused_in_a_sentence(release: Release, keyspace: Keyspace) -> None:
    with closing(Tables(keyspace.settings())) as tables:
        assert_that(calling(tables.check), raises(SchemaError, re.escape(str(release.refused))))


def test_the_page_has_the_matrix() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "| V1.145 |" in page
    assert with_matrix(page) == page, "run python -m tests.schemas.page"
