"""A keyspace that the tests of a module share, each with accounts of its own, and the store on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.keyspaces import Keyspace
from tests.support.tables import Tables, connected


@pytest.fixture(scope="module")
def tables(keyspace: Keyspace) -> Iterator[Tables]:
    with connected(keyspace) as made:
        yield made
