"""A node that begins too late what it was asked: each request is given its own answer, or an error."""

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
from transforms.store.errors import StoreError, TransientError
from transforms.store.event_loop import wait_for
from transforms.store.outage import Outage
from transforms.store.session import Session

_AT_ONCE = 6_000
_ROUNDS = 3


@pytest.fixture
def slow_node(settings: LocalSettings) -> Iterator[Keyspace]:
    """A node with one thread, which begins no request that has waited for 2 s (Cassandra's default is 12 s)."""
    (port,) = ports.free_ports(1)
    own = dataclasses.replace(settings, data_dir=settings.data_dir / "slow", cassandra_port=port)
    node = cassandra(own, more=["native_transport_timeout: 2s", "native_transport_max_threads: 1"])
    with node.running(), schema.connect(own, "system") as session:
        yield Keyspace(session, port)


def test_no_request_is_given_the_answer_to_another(slow_node: Keyspace) -> None:
    """Cassandra 5.0 gives what it did not begin in time the stream id 0, whichever request that was."""
    settings = slow_node.settings()
    refused, wrong = 0, []
    with closing(Session(settings, Outage(settings.retry_seconds))) as session:
        # The answer says what was asked for, and takes the node far longer than us.
        read = session.driver.prepare("SELECT blobAsText(textAsBlob(?)), count(*) FROM system_schema.columns")

        async def ask(text: str) -> bytes | None:
            ((answer, _),) = await session.requests.rows(read.bind([text]))
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
