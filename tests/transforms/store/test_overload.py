"""A node that answers too late to too much: each request is given its own answer, or an error."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from contextlib import closing

import pytest
from hamcrest import assert_that, empty, greater_than, is_

from faults.cluster import wait_until
from faults.keyspaces import Keyspace
from local import ports, schema
from local.services import cassandra
from local.settings import LocalSettings
from tests.support.tables import Tables
from transforms.store.errors import StoreError, TransientError
from transforms.store.event_loop import wait_for

_AT_ONCE = 5_000
_ROUNDS = 4


@pytest.fixture
def hasty_node(settings: LocalSettings) -> Iterator[Keyspace]:
    """A keyspace on a node that begins no request that has waited for 50 ms, where others wait for 12 s."""
    (port,) = ports.free_ports(1)
    own = dataclasses.replace(settings, data_dir=settings.data_dir / "hasty", cassandra_port=port)
    node = cassandra(own, more=["native_transport_timeout: 50ms"])
    with node.running(), schema.connect(own, keyspace=None) as session:
        schema.apply(session, "hasty")
        yield Keyspace(session, port)


@pytest.mark.timeout(600)
def test_no_request_is_given_the_answer_to_another(hasty_node: Keyspace) -> None:
    """Cassandra 5.0 gives what it did not begin in time the stream id 0, whichever request that was."""
    refused, wrong = 0, []
    with closing(Tables(hasty_node.settings())) as tables:
        tables.check()
        driver, requests = tables.store._session.driver, tables.store._session.requests
        # So that each answer says what was asked for.
        read = driver.prepare("SELECT blobAsText(textAsBlob(?)) FROM system.local")

        async def ask(text: str) -> bytes | None:
            ((answer,),) = await requests.rows(read.bind([text]))
            return answer

        async def ask_for_many() -> list[bytes | BaseException | None]:
            return await asyncio.gather(*[ask(str(number)) for number in range(_AT_ONCE)], return_exceptions=True)

        def answers() -> bool:
            try:
                return wait_for(ask("again")) == b"again"
            except TransientError:
                return False

        for _ in range(_ROUNDS):
            for number, answer in enumerate(wait_for(ask_for_many())):
                if isinstance(answer, StoreError):
                    refused += 1
                elif answer != str(number).encode():
                    wrong.append((number, answer))
            wait_until(answers)

    assert_that(wrong, is_(empty()))
    assert_that(refused, greater_than(0), "the node began everything in time: nothing was tested")
