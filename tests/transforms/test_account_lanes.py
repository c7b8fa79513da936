import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hamcrest import assert_that, contains_inanyorder, equal_to, is_

from transforms.account_lanes import AccountLanes


@contextmanager
def lanes(work: Any, threads: int = 4) -> Iterator[AccountLanes[Any, Any]]:
    made: AccountLanes[Any, Any] = AccountLanes(work, threads)
    try:
        yield made
    finally:
        made.close()


def test_items_of_one_account_are_done_one_at_a_time_and_in_order() -> None:
    in_work = threading.Semaphore(1)

    def work(item: int) -> int:
        assert in_work.acquire(blocking=False), "two at a time"
        time.sleep(0.001)
        in_work.release()
        return item

    with lanes(work) as made:
        for item in range(50):
            made.submit("a", item)

        assert_that(list(made.results()), equal_to(list(range(50))))


def test_items_of_different_accounts_overlap() -> None:
    together = threading.Barrier(3, timeout=30)

    with lanes(lambda item: (together.wait(), item)[1]) as made:
        for account in "abc":
            made.submit(account, account)

        assert_that(list(made.results()), contains_inanyorder("a", "b", "c"))


def test_each_result_comes_once() -> None:
    with lanes(lambda item: item) as made:
        made.submit("a", 1)
        assert_that(list(made.results()), equal_to([1]))
        made.submit("a", 2)
        assert_that(list(made.results()), equal_to([2]))
        assert_that(list(made.results()), equal_to([]))


def test_an_error_of_the_work_comes_out_of_results_and_the_account_goes_on() -> None:
    def work(item: str) -> str:
        if item == "bad":
            raise KeyError(item)
        return item

    with lanes(work) as made:
        made.submit("a", "bad")
        with pytest.raises(KeyError):
            list(made.results())
        made.submit("a", "good")

        assert_that("good" in list(made.results()), is_(True))
