"""What becomes of requests that are not answered, or with errors. Those that are: test_tables.py."""

import gc
import logging
from typing import Any

import pytest
from cassandra import Unavailable
from hamcrest import assert_that, calling, empty, equal_to, raises

from tests.support.blocking import Blocking
from transforms.store import requests
from transforms.store.errors import NoAnswerError, TransientError
from transforms.store.outage import Outage
from transforms.store.requests import Requests


class Session:
    """Answers a statement with itself as a row, with itself as an error or, if it is None, not at all."""

    has_more_pages = False

    def execute_async(self, statement: Any) -> "Session":
        self._statement = statement
        return self

    def add_callbacks(
        self, callback: Any, errback: Any, callback_args: tuple[Any], errback_args: tuple[Any]
    ) -> None:
        if isinstance(self._statement, Exception):
            errback(self._statement, *errback_args)
        elif self._statement is not None:
            callback([self._statement], *callback_args)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Blocking:
    monkeypatch.setattr(requests, "_TIMEOUT_S", 0.2)
    return Blocking(Requests(Session(), Outage(60)))


def test_a_request_that_nobody_answers_times_out(asked: Blocking) -> None:
    assert_that(calling(asked.rows).with_args(None), raises(NoAnswerError, "no answer within 0.2 s"))


def test_one_of_many_that_nobody_answers_times_out(asked: Blocking) -> None:
    assert_that(calling(asked.all_rows).with_args([(b"1",), None, (b"2",)]), raises(NoAnswerError))


def test_rows_come_in_the_order_of_the_statements(asked: Blocking) -> None:
    statements = [(str(number).encode(),) for number in range(40)]

    assert_that(asked.all_rows(statements), equal_to([[row] for row in statements]))


def test_of_several_errors_the_first_is_raised_and_none_is_logged(
    asked: Blocking, caplog: pytest.LogCaptureFixture
) -> None:
    statements = [Unavailable("first", 1), (b"1",), Unavailable("second", 1), Unavailable("third", 1)]

    with caplog.at_level(logging.DEBUG):
        assert_that(calling(asked.all_rows).with_args(statements), raises(TransientError, "first"))
        gc.collect()  # asyncio logs when a future is no more

    assert_that(
        [one.message for one in caplog.records if one.name == "asyncio" and one.levelno > logging.DEBUG], empty()
    )
