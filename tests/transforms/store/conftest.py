"""A keyspace that the tests of a module share, each with accounts of its own, and the store on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.keyspaces import Keyspace, MakeKeyspace
from tests.support.tables import Tables


@pytest.fixture(scope="module")
def keyspace(make_keyspace: MakeKeyspace) -> Keyspace:
    return make_keyspace()


@pytest.fixture(scope="module")
def tables(keyspace: Keyspace) -> Iterator[Tables]:
    tables = Tables(keyspace.settings())
    yield tables
    tables.close()
