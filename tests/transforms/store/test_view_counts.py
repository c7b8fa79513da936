"""Each view counts once on a real Cassandra: writes that come late, totals taken back, clocks that are ahead."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from cassandra.query import BatchStatement
from hamcrest import assert_that, calling, equal_to, raises

from faults.keyspaces import Keyspace
from faults.memory_tables import CONTENT_CONSUMPTION
from tests.support.tables import Tables
from transforms.merge_content_consumption import MergeContentConsumption
from transforms.store.errors import NoAnswerError
from transforms.store.requests import Requests

KEY = {"courseid": "c1", "batchid": "b1", "contentid": "k1"}
AHEAD_US = 300_000_000


class Accounts:
    """Two accounts that no other test has, of which one has three views of a content and the other four."""

    def __init__(self, keyspace: Keyspace, tables: Tables, *, ahead_us: int = 0) -> None:
        self._keyspace, self._tables = keyspace, tables
        self.from_account, self.to_account = (f"{name}-{uuid4().hex[:8]}" for name in ("from", "to"))
        self.write(self.from_account, 3)
        self.write(self.to_account, 4, ahead_us=ahead_us)

    def write(self, account: str, viewcount: int, ahead_us: int = 0) -> None:
        """Write the views of an account as the platform does, by a clock that may be ahead."""
        self._keyspace.session.execute(
            f"INSERT INTO {CONTENT_CONSUMPTION} (userid, courseid, batchid, contentid, viewcount, status)"
            f" VALUES (%s, 'c1', 'b1', 'k1', %s, 2) USING TIMESTAMP {time.time_ns() // 1_000 + ahead_us}",
            (account, viewcount),
        )

    def merge(self) -> None:
        """Merge content consumption, once."""
        for part in self._tables.plan(MergeContentConsumption, self.from_account, self.to_account):
            self._tables.write(part)

    @property
    def views(self) -> int:
        """What the to account has."""
        (row,) = self._keyspace.rows(CONTENT_CONSUMPTION, userid=self.to_account)
        views: int = row["viewcount"]
        return views

    @property
    def would_write(self) -> bool:
        """Whether a merge had anything to write."""
        return self._tables.would_write(self.from_account, self.to_account)


@pytest.fixture
def accounts(keyspace: Keyspace, tables: Tables) -> Accounts:
    return Accounts(keyspace, tables)


class Late:
    """Lets a write of an event time out, and sends it when so many statements more have been executed.

    Statements that are sent side by side are executed one after the other, in either order.
    """

    def __init__(self, write: int, statements: int, *, backwards: bool) -> None:
        self._write, self._statements, self._backwards = write, statements, backwards
        self._late: Any = None

    async def rows(self, requests: Requests, statement: Any) -> list[Any]:
        """In place of Requests.rows."""
        if isinstance(statement, BatchStatement):
            self._write -= 1
            if self._write == 0:
                self._late = statement
                message = "no answer"
                raise NoAnswerError(message)
        return await self._execute(requests, statement)

    async def all_rows(self, requests: Requests, statements: Iterable[Any]) -> list[list[Any]]:
        """In place of Requests.all_rows."""
        order = -1 if self._backwards else 1
        return [await self._execute(requests, statement) for statement in [*statements][::order]][::order]

    async def _execute(self, requests: Requests, statement: Any) -> list[Any]:
        if self._late is not None:
            if self._statements == 0:
                await requests._start(self._late).rows()
            self._statements -= 1
        return await requests._start(statement).rows()


# A retry reads twice, after the from account's rows, and writes up to twice.
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("statements", range(6))
@pytest.mark.parametrize("write", [1, 2])
def test_a_write_that_timed_out_and_lands_at_any_moment_of_the_retry_counts_once(
    accounts: Accounts, write: int, statements: int, backwards: bool
) -> None:
    late = Late(write, statements, backwards=backwards)
    with (
        mock.patch.object(Requests, "rows", lambda self, one: late.rows(self, one)),
        mock.patch.object(Requests, "all_rows", lambda self, some: late.all_rows(self, some)),
    ):
        assert_that(calling(accounts.merge), raises(NoAnswerError))
        accounts.merge()

    assert_that(accounts.views, equal_to(7))
    accounts.merge()
    assert_that(accounts.views, equal_to(7))


@pytest.mark.parametrize("taken_back", [0, 4, 6])
def test_a_total_that_the_platform_took_back_is_mended_by_the_same_event(
    accounts: Accounts, taken_back: int
) -> None:
    accounts.merge()
    assert_that(accounts.would_write, equal_to(False))

    accounts.write(accounts.to_account, taken_back)

    assert_that(accounts.would_write, equal_to(True))
    accounts.merge()
    assert_that(accounts.views, equal_to(7))
    assert_that(accounts.would_write, equal_to(False))


def test_views_that_the_platform_counts_after_a_merge_stay(accounts: Accounts) -> None:
    accounts.merge()
    accounts.write(accounts.to_account, 8)
    accounts.merge()
    assert_that(accounts.views, equal_to(8))
    accounts.write(accounts.from_account, 5)
    accounts.merge()
    assert_that(accounts.views, equal_to(10))


def test_a_row_that_a_clock_ahead_of_ours_wrote_is_replaced(keyspace: Keyspace, tables: Tables) -> None:
    accounts = Accounts(keyspace, tables, ahead_us=AHEAD_US)

    accounts.merge()

    assert_that(accounts.views, equal_to(7))
    assert_that(accounts.would_write, equal_to(False))


def test_a_row_of_the_last_possible_timestamp_is_replaced_by_the_larger_total(
    keyspace: Keyspace, tables: Tables, accounts: Accounts
) -> None:
    last_us = 2**63 - 1
    accounts.write(accounts.to_account, 4, ahead_us=last_us - time.time_ns() // 1_000 - 60_000_000)
    accounts.merge()
    assert_that(accounts.views, equal_to(7))
