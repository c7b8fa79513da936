"""The workload has the shape it is said to have, and is the same whenever it is made."""

import json

import pytest
from hamcrest import assert_that, calling, equal_to, has_entries, has_length, is_not, raises

from benchmarks.account_rows import ACTIVITY_AGG, ASSESSMENTS, CONTENT_CONSUMPTION, ENROLMENTS, Rows
from benchmarks.growth import shape_of
from benchmarks.workload import Pair, Shape, Workload
from tests.local.test_services import TABLES


def _keys(rows: Rows, table: str, *columns: str) -> set[tuple[str, ...]]:
    return {tuple(row[column] for column in columns) for row in rows[table]}


def _both(pair: Pair, table: str, *columns: str) -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
    return _keys(pair.from_rows, table, *columns), _keys(pair.to_rows, table, *columns)


def test_the_default_accounts_are_those_of_the_speed_issue() -> None:
    pair = Workload(Shape(), seed=1).pair("any", 0)
    of_from, of_to = _both(pair, CONTENT_CONSUMPTION, "courseid", "batchid", "contentid")
    assert_that((len(of_from), len(of_to), len(of_from & of_to)), equal_to((100, 100, 40)))
    of_from, of_to = _both(pair, ENROLMENTS, "courseid", "batchid")
    assert_that((len(of_from), len(of_to), len(of_from & of_to)), equal_to((5, 5, 2)))
    of_from, of_to = _both(pair, ACTIVITY_AGG, "activity_id", "context_id")
    assert_that((len(of_from), len(of_to), len(of_from & of_to)), equal_to((5, 5, 2)))


@pytest.mark.parametrize("table", [CONTENT_CONSUMPTION, ENROLMENTS, ACTIVITY_AGG, ASSESSMENTS])
def test_every_column_of_every_row_is_set(table: str) -> None:
    pair = Workload(Shape(attempts=1), seed=1).pair("any", 0)
    for row in (*pair.from_rows[table], *pair.to_rows[table]):
        assert_that(
            {column for column, value in row.items() if value not in (None, [], {})}, equal_to({*TABLES[table]})
        )


def test_a_pair_is_the_same_whenever_it_is_made_and_another_seed_or_group_gives_others() -> None:
    pair = Workload(Shape(), seed=1).pair("any", 3)
    assert_that([*Workload(Shape(), seed=1).pairs("any", 2, start=2)][1], equal_to(pair))
    assert_that(Workload(Shape(), seed=2).pair("any", 3), is_not(pair))
    accounts = {
        account
        for group in ("a", "b")
        for other in Workload(Shape(), seed=1).pairs(group, 20)
        for account in (other.from_account, other.to_account)
    }
    assert_that(accounts, has_length(80))


def test_the_event_asks_for_the_merge_of_the_pair() -> None:
    pair = Workload(Shape(), seed=1).pair("any", 0)
    event = json.loads(pair.event())
    assert_that(event["edata"], has_entries(fromAccountId=pair.from_account, toAccountId=pair.to_account))
    assert_that(event["mid"], equal_to(pair.mid))


def test_more_cannot_be_shared_than_there_is() -> None:
    assert_that(calling(Shape).with_args(enrolments=2, shared=3), raises(ValueError, "3 of 2"))


def test_accounts_of_any_size_have_the_proportions_of_the_default() -> None:
    assert_that(shape_of(100), equal_to(Shape()))
    assert_that(shape_of(50_000), equal_to(Shape(enrolments=2_500, contents=20, shared=1_000, own=1_500)))
