import asyncio
from typing import Any

import pytest
from hamcrest import assert_that, contains_inanyorder, equal_to, is_, less_than_or_equal_to

from transforms.dofns.account_lanes import AccountLanes


def lanes(work: Any, at_once: int = 4) -> AccountLanes[Any, Any]:
    return AccountLanes(work, at_once)


async def same(item: Any) -> Any:
    return item


def test_items_of_one_account_are_done_one_at_a_time_and_in_order() -> None:
    in_work = 0

    async def work(item: int) -> int:
        nonlocal in_work
        in_work += 1
        assert in_work == 1, "two at a time"
        await asyncio.sleep(0.001)
        in_work -= 1
        return item

    made = lanes(work)
    for item in range(50):
        made.submit("a", item)

    assert_that(list(made.results()), equal_to(list(range(50))))


def test_items_of_different_accounts_overlap() -> None:
    waiting: set[str] = set()
    together = asyncio.Event()

    async def work(item: str) -> str:
        waiting.add(item)
        if len(waiting) == 3:
            together.set()
        await asyncio.wait_for(together.wait(), timeout=30)
        return item

    made = lanes(work)
    for account in "abc":
        made.submit(account, account)

    assert_that(list(made.results()), contains_inanyorder("a", "b", "c"))


def test_no_more_accounts_are_in_work_at_once_than_it_is_told() -> None:
    in_work, most = 0, 0

    async def work(item: int) -> None:
        nonlocal in_work, most
        in_work += 1
        most = max(most, in_work)
        await asyncio.sleep(0.001)
        in_work -= 1

    made = lanes(work, at_once=2)
    for account in range(20):
        made.submit(str(account), account)
    made.results()

    assert_that(most, less_than_or_equal_to(2))


def test_work_begins_when_it_is_submitted() -> None:
    begun = asyncio.Event()

    async def work(item: str) -> None:
        if item == "first":
            begun.set()
        else:
            await asyncio.wait_for(begun.wait(), timeout=30)

    made, other = lanes(work), lanes(work)
    made.submit("a", "first")
    other.submit("b", "second")

    assert_that(other.results(), equal_to([None]))
    assert_that(made.results(), equal_to([None]))


def test_each_result_comes_once() -> None:
    made = lanes(same)

    made.submit("a", 1)
    assert_that(list(made.results()), equal_to([1]))
    made.submit("a", 2)
    assert_that(list(made.results()), equal_to([2]))
    assert_that(list(made.results()), equal_to([]))


def test_an_error_of_the_work_comes_out_of_results_and_the_account_goes_on() -> None:
    async def work(item: str) -> str:
        if item == "bad":
            raise KeyError(item)
        return item

    made = lanes(work)
    made.submit("a", "bad")
    with pytest.raises(KeyError):
        list(made.results())
    made.submit("a", "good")

    assert_that("good" in list(made.results()), is_(True))
