"""Accounts that are too large for one request are split, and merged whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from hamcrest import assert_that, equal_to, has_length

from faults.keyspaces import Keyspace
from faults.memory_tables import CONTENT_CONSUMPTION, ENROLMENTS
from tests.support.tables import Tables
from transforms.merge_content_consumption import MergeContentConsumption
from transforms.merge_user_enrolments import MergeUserEnrolments
from transforms.rules.content_consumption import BatchWrites
from transforms.rules.rows import RowWrite


@pytest.fixture
def accounts() -> tuple[str, str]:
    mark = uuid4().hex[:8]
    return f"from-{mark}", f"to-{mark}"


def enrolments(userid: str, number: int, **columns: Any) -> Iterator[RowWrite]:
    for n in range(number):
        yield RowWrite({"userid": userid, "courseid": f"c{n:05}", "batchid": "b1", "status": n % 3, **columns})


def merge(tables: Tables, stage: Any, accounts: tuple[str, str]) -> None:
    for part in tables.plan(stage, *accounts):
        tables.write(part)


def count(keyspace: Keyspace, table: str, userid: str) -> int:
    query = f"SELECT count(*) AS rows FROM {table} WHERE userid = %s"
    rows: int = keyspace.session.execute(query, (userid,), timeout=120).one()["rows"]
    return rows


@pytest.mark.parametrize(("number", "size"), [(1_100, 16_000), (70_000, 1)])
def test_enrolments_that_do_not_fit_into_one_request_are_merged(
    number: int, size: int, keyspace: Keyspace, tables: Tables, accounts: tuple[str, str]
) -> None:
    tables.enrolments.write(enrolments(accounts[0], number, lastreadcontentid="x" * size))

    merge(tables, MergeUserEnrolments, accounts)

    assert_that(count(keyspace, ENROLMENTS, accounts[1]), equal_to(number))
    (nothing_left,) = tables.plan(MergeUserEnrolments, *accounts)
    assert_that(nothing_left.rows_to_write, equal_to(0))
    assert_that(nothing_left.enrolments, has_length(number))


def test_contents_with_large_details_that_do_not_fit_into_one_request_are_merged(
    keyspace: Keyspace, tables: Tables, accounts: tuple[str, str]
) -> None:
    def contents(batchid: str) -> list[RowWrite]:
        key = {"userid": accounts[0], "courseid": "c1", "batchid": batchid}
        details = {"viewcount": 1, "progressdetails": "x" * 20_000}
        return [RowWrite({**key, "contentid": f"k{k}", **details}) for k in range(50)]

    tables.contents.write(BatchWrites("c1", f"b{b:02}", contents(f"b{b:02}"), []) for b in range(20))

    merge(tables, MergeContentConsumption, accounts)

    assert_that(count(keyspace, CONTENT_CONSUMPTION, accounts[1]), equal_to(1_000))
    assert_that(sum(part.rows_to_write for part in tables.plan(MergeContentConsumption, *accounts)), equal_to(0))
