"""The cases that were run on the reference job, run on this one: tests/reference_cases."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hamcrest import assert_that, contains_inanyorder, equal_to, has_length, matches_regexp

from faults.comparable_rows import comparable
from faults.job import Job
from faults.memory_tables import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS, KEYS
from local.settings import PROJECT
from pipeline.report import RunMetrics
from tests.reference_cases import DIFFERENT, SAME, ReferenceCase, account_of, reference_case
from tests.whole.conftest import MakeJob

TABLES = (CONTENT_CONSUMPTION, ENROLMENTS, ACTIVITY_AGG)

Rows = dict[str, list[dict[str, Any]]]
Merged = tuple[Job, RunMetrics, Rows]


@pytest.fixture(scope="module")
def cases() -> dict[str, ReferenceCase]:
    """All cases, whose accounts carry their names, so that they can be merged in one run."""
    assert {path.stem for path in (PROJECT / "tests" / "reference_cases").glob("*.json")} == {*SAME, *DIFFERENT}
    return {name: reference_case(name, accounts=f"{name}:") for name in (*SAME, *DIFFERENT)}


@pytest.fixture(scope="module")
def merged(make_job: MakeJob, cases: dict[str, ReferenceCase]) -> tuple[Job, RunMetrics, Rows]:
    job = make_job()
    for case in cases.values():
        job.insert(case.before)
        # Events without a key lie in any partition; those of one case are to be merged in their order.
        job.publish(case.events, partition=0)
    return job, job.run(), job.rows()


def _of_case(rows: Rows, name: str) -> Rows:
    return {table: [row for row in rows[table] if account_of(row).startswith(f"{name}:")] for table in TABLES}


@pytest.mark.parametrize("name", SAME)
def test_a_first_merge_leaves_what_the_reference_leaves(
    name: str, merged: Merged, cases: dict[str, ReferenceCase]
) -> None:
    _, _, after = merged

    actual, expected = comparable(_of_case(after, name)), comparable(cases[name].after)

    for table in TABLES:
        assert_that(actual[table], equal_to(expected[table]), table)


def test_each_event_requests_what_the_reference_requests(merged: Merged, cases: dict[str, ReferenceCase]) -> None:
    job, metrics, _ = merged
    requests = [request for case in cases.values() for of_event in case.sync_requests for request in of_event]

    actual = job.sync_requests()

    assert_that(metrics.counters["db-update-user-course-batch"], equal_to(len(requests)))
    for request in actual:
        assert_that(request["mid"], matches_regexp(rf"^LP\.{request['ets']}\.[0-9a-f-]{{36}}$"))
    placeholders = [{**request, "ets": "<ets>", "mid": "<mid>"} for request in actual]
    assert_that(placeholders, contains_inanyorder(*requests))


def test_nothing_fails(merged: Merged, cases: dict[str, ReferenceCase]) -> None:
    job, metrics, _ = merged
    events = sum(len(case.events) for case in cases.values())

    assert_that(metrics.counters["success-events-count"], equal_to(events))
    assert_that(job.failed(), has_length(0))
    assert_that(job.lag(), equal_to(0))


def test_where_the_reference_counts_a_repeated_event_twice_each_view_counts_once(
    merged: Merged, cases: dict[str, ReferenceCase]
) -> None:
    _, _, after = merged
    name = "same_event_twice"
    expected = copy.deepcopy(cases[name].after)
    for row in _primary(expected[CONTENT_CONSUMPTION], name):
        counts = {"do_1": {"viewcount": 7, "completedcount": 2}, "do_2": {"viewcount": 5}}
        row.update(counts[row["contentid"]])
    for row in _primary(expected[ACTIVITY_AGG], name):
        row["aggregates"]["completedCount"] = 8.0  # the primary's own 8 is larger than the from account's 2

    _assert_case(after, name, expected)


def test_where_the_reference_loses_scores_the_larger_stay(merged: Merged, cases: dict[str, ReferenceCase]) -> None:
    _, _, after = merged
    name = "agg_other_keys"
    expected = copy.deepcopy(cases[name].after)
    for row in _primary(expected[ACTIVITY_AGG], name):
        row["agg"] = {"completedCount": 7}
        row["aggregates"] = {
            "attemptsCount:do_1": 2.0,
            "completedCount": 7.0,
            "max_score:do_1": 10.0,
            "score:do_1": 9.0,
        }
        row["agg_details"] = ['{"a":"to"}', '{"a":"from"}']

    _assert_case(after, name, expected)


def test_where_the_reference_drops_an_enrolment_both_become_one(
    merged: Merged, cases: dict[str, ReferenceCase]
) -> None:
    _, _, after = merged
    name = "enrol_same_batch_both"
    expected = copy.deepcopy(cases[name].after)
    from_row = next(row for row in expected[ENROLMENTS] if row["userid"] == f"{name}:f")
    for row in _primary(expected[ENROLMENTS], name):
        row.update({column: value for column, value in from_row.items() if column != "userid"})

    _assert_case(after, name, expected)


def _primary(rows: list[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    return (row for row in rows if account_of(row) == f"{name}:t")


def _assert_case(after: Rows, name: str, expected: Rows) -> None:
    actual = comparable(_of_case(after, name))
    wanted = comparable(expected)
    for table in KEYS:
        assert_that(actual[table], equal_to(wanted[table]), table)
