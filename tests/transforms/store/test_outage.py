"""The clock of an outage, tried with work that fails as it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from hamcrest import assert_that, contains_exactly, contains_string, equal_to, has_length, instance_of

from transforms.store import outage
from transforms.store.errors import NoAnswerError, TransientError
from transforms.store.event_loop import wait_for
from transforms.store.outage import Outage

RETRY_S = 0.4


class Node:
    """Answers, but for what is `away`; `error` is what that gets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for constant in ("_QUIET_S", "_PROBE_S", "_BETWEEN_PROBES_S"):
            monkeypatch.setattr(outage, constant, 0.1)
        self.away: set[str] = set()
        self.error: Exception = TransientError("Unavailable: no replicas")
        self.asked: list[str] = []
        self.outage = Outage(RETRY_S)

    async def ask(self, what: str) -> Exception | None:
        async def work() -> None:
            self.asked.append(what)
            await asyncio.sleep(0)
            if what in self.away:
                raise self.error
            self.outage.answered()

        try:
            await self.outage.retry(work)
        except Exception as e:
            return e
        return None


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def in_time(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    async def timed() -> None:
        async with asyncio.timeout(seconds):
            await work()

    wait_for(timed())


async def ask_for_a_while(node: Node, what: str, seconds: float) -> None:
    for _ in range(int(seconds / 0.02)):
        assert_that(await node.ask(what), equal_to(None))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "error",
    [TransientError("Unavailable: no replicas"), NoAnswerError("OperationTimedOut: late")],
    ids=["refused", "late"],
)
def test_where_a_part_is_away_its_work_fails_at_once_after_the_time_and_all_other_is_done(
    error: Exception, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "_QUIET_S", 60)  # whatever else this machine does between two of the errors
    node.away, node.error = {"part"}, error

    async def partly() -> None:
        others = asyncio.create_task(ask_for_a_while(node, "rest", 3 * RETRY_S))
        first = await asyncio.gather(*(node.ask("part") for _ in range(10)))
        assert_that({type(one) for one in first}, equal_to({type(error)}))
        node.outage.take_counts()
        for _ in range(20):
            assert_that(await node.ask("part"), instance_of(type(error)))
        await others
        assert_that(node.outage.take_counts().retries, equal_to(0))

    in_time(5 * RETRY_S, partly)


def test_where_nobody_answers_one_is_tried_for_many_and_when_it_is_answered_all_are_done(node: Node) -> None:
    node.away, node.error = {"any"}, NoAnswerError("OperationTimedOut: late")

    async def away() -> None:
        assert_that(await node.ask("any"), instance_of(NoAnswerError))
        await asyncio.sleep(0.11)
        del node.asked[:]
        failed = await asyncio.gather(*(node.ask("any") for _ in range(100)))
        assert_that([one for one in failed if one], has_length(100))
        assert_that(node.asked, equal_to(["any"]))

        await asyncio.sleep(0.11)
        node.away = set()
        assert_that(await asyncio.gather(*(node.ask("any") for _ in range(100))), equal_to([None] * 100))

    in_time(5 * RETRY_S, away)


def test_the_next_outage_has_the_whole_time_again(node: Node) -> None:
    async def twice() -> None:
        for _ in range(2):
            node.away = {"any"}
            assert_that(await node.ask("any"), instance_of(TransientError))
            node.away = set()
            assert_that(await node.ask("any"), equal_to(None))
            await asyncio.sleep(0.11)
            node.outage.take_counts()
            node.away = {"any"}
            asyncio.get_running_loop().call_later(RETRY_S / 2, node.away.clear)
            assert_that(await node.ask("any"), equal_to(None))
            assert node.outage.take_counts().retries > 0

    in_time(6 * RETRY_S, twice)


def test_work_that_hangs_while_nobody_answers_is_ended_when_the_time_has_passed(node: Node) -> None:
    node.away, node.error = {"any"}, NoAnswerError("OperationTimedOut: late")

    async def hanging() -> None:
        hangs = asyncio.create_task(node.outage.retry(lambda: asyncio.sleep(60)))
        assert_that(await node.ask("any"), instance_of(NoAnswerError))
        (error,) = await asyncio.gather(hangs, return_exceptions=True)
        assert_that(error, instance_of(NoAnswerError))

    in_time(3 * RETRY_S, hanging)


def test_an_outage_is_logged_when_it_begins_when_all_is_given_up_and_when_it_ends(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    node.away, node.error = {"any"}, NoAnswerError("OperationTimedOut: late")

    async def once() -> None:
        await asyncio.gather(*(node.ask("any") for _ in range(30)))
        await asyncio.sleep(0.11)
        node.away = set()
        await node.ask("any")

    with caplog.at_level(logging.INFO, "transforms.store.outage"):
        in_time(5 * RETRY_S, once)

    assert_that(
        [record.message for record in caplog.records],
        contains_exactly(
            contains_string("Cassandra fails, what is retried for up to 0.4 s: OperationTimedOut"),
            contains_string("Cassandra has not answered for"),
            contains_string("given up 30 times"),
        ),
    )


def test_each_outage_is_counted_once_when_it_begins_and_once_when_it_ends(node: Node) -> None:
    async def outage() -> None:
        node.away = {"a", "b"}
        both = asyncio.gather(node.ask("a"), node.ask("b"))
        await asyncio.sleep(0.05)
        assert_that(node.outage.take_counts()[1:], equal_to((1, 0)))
        node.away = set()
        await both

    in_time(5, outage)

    assert_that(node.outage.take_counts()[1:], equal_to((0, 1)))
    assert_that(node.outage.take_counts(), equal_to((0, 0, 0)))
