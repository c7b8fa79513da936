"""What callers ask for at about the same time goes together, and the fault of one is not that of the others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cassandra import OperationTimedOut, Unavailable
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from hamcrest import assert_that, contains_exactly, equal_to, instance_of

from transforms.gathering import Gathering


class Asked:
    """Answers each item by itself in capitals, but for those that it refuses."""

    def __init__(self, refused: dict[str, Exception] | None = None) -> None:
        self.requests: list[list[str]] = []
        self._refused = refused or {}

    async def ask(self, items: list[str]) -> list[str]:
        self.requests.append(items)
        await asyncio.sleep(0)
        for item in items:
            if item in self._refused:
                raise self._refused[item]
        return [item.upper() for item in items]


def answers(asked: Asked, *items: str, most: int = 10) -> list[Any]:
    async def all_answers() -> list[Any]:
        gathering = Gathering(asked.ask, most)
        return await asyncio.gather(*(gathering.answer(item) for item in items), return_exceptions=True)

    return asyncio.run(all_answers())


def test_each_caller_has_its_own_answer_to_a_request_of_all() -> None:
    asked = Asked()

    assert_that(answers(asked, "a", "b", "c"), equal_to(["A", "B", "C"]))
    assert_that(asked.requests, equal_to([["a", "b", "c"]]))


def test_no_more_go_together_than_may() -> None:
    asked = Asked()

    assert_that(answers(asked, *"abcde", most=2), equal_to(list("ABCDE")))
    assert_that(asked.requests, equal_to([["a", "b"], ["c", "d"], ["e"]]))


def test_what_is_asked_for_while_a_request_is_under_way_goes_with_the_next_even_if_it_is_the_same() -> None:
    asked, gathered = Asked(), []

    async def ask_meanwhile() -> None:
        gathering = Gathering(asked.ask, 10)

        async def late() -> None:
            while not asked.requests:
                await asyncio.sleep(0)
            gathered.extend(await asyncio.gather(*map(gathering.answer, "ab")))

        await asyncio.gather(gathering.answer("a"), late())
        gathered.append(await gathering.answer("c"))

    asyncio.run(ask_meanwhile())

    assert_that(asked.requests, equal_to([["a"], ["a", "b"], ["c"]]))
    assert_that(gathered, equal_to(["A", "B", "C"]))


def test_of_several_one_of_which_is_at_fault_the_others_are_answered() -> None:
    error = ValueError("too long")
    asked = Asked({"b": error})

    assert_that(answers(asked, "a", "b", "c"), equal_to(["A", error, "C"]))
    assert_that(asked.requests, equal_to([["a", "b", "c"], ["a"], ["b"], ["c"]]))


@pytest.mark.parametrize(
    "error", [OperationTimedOut(), NoHostAvailable("", {}), ConnectionException("")], ids=repr
)
def test_an_error_of_a_node_is_that_of_all_who_try_again_themselves(error: Exception) -> None:
    asked = Asked({"b": error})

    assert_that(answers(asked, "a", "b"), equal_to([error, error]))
    assert_that(asked.requests, equal_to([["a", "b"]]))


def test_one_that_has_lost_its_replicas_does_not_fail_those_that_have_theirs() -> None:
    error = Unavailable("too few")

    assert_that(answers(Asked({"b": error}), "a", "b"), equal_to(["A", error]))


def test_too_few_answers_are_an_error_and_leave_nobody_waiting() -> None:
    async def ask(items: list[str]) -> list[str]:
        return []

    async def answer() -> list[Any]:
        gathering = Gathering(ask, 10)
        return await asyncio.gather(*map(gathering.answer, "ab"), return_exceptions=True)

    assert_that(asyncio.run(answer()), contains_exactly(instance_of(ValueError), instance_of(ValueError)))


def test_all_that_waits_is_asked_for_side_by_side() -> None:
    under_way: list[int] = []

    async def ask(items: list[str]) -> list[str]:
        under_way.append(len(items))
        while len(under_way) < 3:
            await asyncio.sleep(0)
        return items

    async def ask_for_five() -> list[str]:
        gathering = Gathering(ask, 2)
        return await asyncio.gather(*map(gathering.answer, "abcde"))

    assert_that(asyncio.run(ask_for_five()), equal_to(list("abcde")))


def test_after_an_error_the_next_are_asked_for() -> None:
    asked = Asked({"a": ValueError()})

    first, second = answers(asked, "a", "b", most=1)

    assert_that(first, instance_of(ValueError))
    assert_that(second, equal_to("B"))


def test_a_caller_that_has_gone_keeps_nobody_else_from_an_answer() -> None:
    async def leave() -> str:
        gathering = Gathering(Asked().ask, 10)
        leaving = asyncio.ensure_future(gathering.answer("a"))
        staying = asyncio.ensure_future(gathering.answer("b"))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert_that(asyncio.run(leave()), equal_to("B"))
