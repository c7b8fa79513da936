"""The attempts at assessments on a real Cassandra: each shape of the key, and no such table."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from hamcrest import assert_that, calling, contains_inanyorder, contains_string, equal_to, has_entries, raises

from faults.keyspaces import Keyspace
from faults.memory_tables import ASSESSMENTS, ENROLMENTS
from tests.support.tables import connected
from transforms.merge_assessments import MergeAssessments
from transforms.store.errors import SchemaError

_COLUMNS = (
    "created_on timestamp, grand_total text, last_attempted_on timestamp, question list<frozen<question>>,"
    " total_max_score double, total_score double, updated_on timestamp"
)
# The columns that name course and batch, and the primary key.
SHAPES = {
    "a course is a partition": ("course_id", "batch_id", "course_id, batch_id, user_id, content_id, attempt_id"),
    "a course of a user is one": (
        "course_id",
        "batch_id",
        "(user_id, course_id), batch_id, content_id, attempt_id",
    ),
    "the newest names": (
        "collection_id",
        "context_id",
        "(user_id, collection_id), context_id, content_id, attempt_id",
    ),
}
EARLY, LATE = datetime(2026, 1, 1), datetime(2026, 1, 2)  # noqa: DTZ001 - as the driver returns them
QUESTION = {"id": "q1", "title": "What is it?", "score": 1.0, "params": [{"a": "b"}]}


@pytest.fixture(scope="module", params=SHAPES.values(), ids=SHAPES)
def shape(request: pytest.FixtureRequest, keyspace: Keyspace) -> tuple[str, str, str]:
    """The table as one of the releases has it; the columns that name course and batch, and the table's name."""
    course, batch, key = request.param
    table = f"attempts_{uuid4().hex[:8]}"
    names = ", ".join(f"{name} text" for name in ("user_id", course, batch, "content_id", "attempt_id"))
    keyspace.session.execute(f"CREATE TABLE {table} ({names}, {_COLUMNS}, PRIMARY KEY ({key}))")
    return course, batch, table


@pytest.fixture
def account() -> Callable[[str], str]:
    """Ids of accounts that no other test has."""
    mark = uuid4().hex[:8]
    return lambda name: f"{name}-{mark}"


def test_attempts_are_copied_as_stored_and_the_later_is_kept_whole(
    keyspace: Keyspace, shape: tuple[str, str, str], account: Callable[[str], str]
) -> None:
    course, batch, table = shape
    from_account, to_account = account("from"), account("to")

    def attempt(user: str, attempt_id: str, **columns: Any) -> dict[str, Any]:
        return {"user_id": user, course: "c1", batch: "b1", "content_id": "x", "attempt_id": attempt_id} | columns

    enrolled_in = [("c1", "b1"), ("c2", "b2")]
    keyspace.insert({ENROLMENTS: [{"userid": from_account, "courseid": c, "batchid": b} for c, b in enrolled_in]})
    only_from = {"total_score": 5.0, "total_max_score": 10.0, "last_attempted_on": EARLY}
    rows = [
        attempt(from_account, "1", **only_from),
        attempt(from_account, "2", total_score=1.0, last_attempted_on=LATE),
        attempt(to_account, "2", total_score=9.0, grand_total="9/9", last_attempted_on=EARLY),
        attempt(from_account, "3", total_score=9.0, last_attempted_on=EARLY),
        attempt(to_account, "3", total_score=2.0, last_attempted_on=LATE),
        attempt(to_account, "4", total_score=3.0),
        attempt(from_account, "5", total_score=4.0) | {batch: "not enrolled in"},
        attempt(from_account, "6", total_score=4.0) | {course: "c2"},  # in the batch of the other course
        attempt(from_account, "7", total_score=4.0) | {course: "c2", batch: "b2"},
    ]
    keyspace.insert({table: rows})
    keyspace.session.execute(
        f"UPDATE {table} SET question = [{{id: 'q1', title: 'What is it?', score: 1.0, params: [{{'a': 'b'}}]}}] "
        f"WHERE user_id = %s AND {course} = 'c1' AND {batch} = 'b1' AND content_id = 'x' AND attempt_id = '1'",
        (from_account,),
    )

    with connected(keyspace, assessment_aggregator_table=table) as tables:
        assert_that(tables.would_write(from_account, to_account))
        tables.merge(from_account, to_account)
        (part,) = tables.plan(MergeAssessments, from_account, to_account)

    merged = [row for row in keyspace.session.execute(f"SELECT * FROM {table}") if row["user_id"] == to_account]
    assert_that(
        merged,
        contains_inanyorder(
            has_entries(attempt(to_account, "1", **only_from, grand_total=None)),
            has_entries(attempt(to_account, "2", total_score=1.0, last_attempted_on=LATE, grand_total=None)),
            has_entries(attempt(to_account, "3", total_score=2.0, last_attempted_on=LATE)),
            has_entries(attempt(to_account, "4", total_score=3.0)),
            has_entries(attempt(to_account, "7", total_score=4.0) | {course: "c2", batch: "b2"}),
        ),
    )
    (question,) = next(row["question"] for row in merged if row["attempt_id"] == "1")
    assert_that((question.id, question.title, question.score), equal_to(("q1", "What is it?", 1.0)))
    assert_that(part.rows_to_write, equal_to(0), "merging again changes nothing")


def test_where_there_is_no_such_table_the_job_says_so_and_merges_the_others(
    keyspace: Keyspace, account: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    from_account, to_account = account("from"), account("to")
    keyspace.insert({ENROLMENTS: [{"userid": from_account, "courseid": "c1", "batchid": "b1"}]})

    with caplog.at_level(logging.WARNING), connected(keyspace, assessment_aggregator_table="no_such") as tables:
        tables.check()
        tables.merge(from_account, to_account)
        assert_that(list(tables.plan(MergeAssessments, from_account, to_account)), equal_to([]))

    assert_that(caplog.text, contains_string("there is no table no_such"))
    assert_that(len(keyspace.rows(ENROLMENTS, userid=to_account)), equal_to(1))


def test_no_table_may_be_configured(keyspace: Keyspace, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), connected(keyspace, assessment_aggregator_table=None) as tables:
        tables.check()
        assert_that(list(tables.plan(MergeAssessments, "from", "to")), equal_to([]))

    # The driver may still speak of a node that an earlier test has stopped.
    assert_that([record for record in caplog.records if record.name.startswith("transforms")], equal_to([]))


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("(user_id, content_id), course_id, batch_id, attempt_id", "must be the first of it"),
        ("(user_id, course_id), batch_id, content_id", "the primary key of table"),
    ],
)
def test_a_key_of_another_shape_is_refused_in_a_sentence(keyspace: Keyspace, key: str, sentence: str) -> None:
    table = f"refused_{uuid4().hex[:8]}"
    names = ", ".join(f"{name} text" for name in ("user_id", "course_id", "batch_id", "content_id", "attempt_id"))
    keyspace.session.execute(f"CREATE TABLE {table} ({names}, {_COLUMNS}, PRIMARY KEY ({key}))")

    with connected(keyspace, assessment_aggregator_table=table) as tables:
        assert_that(
            calling(tables.check), raises(SchemaError, rf"lms-cassandra\.assessment_aggregator\.table.*{sentence}")
        )


def test_the_local_keyspace_has_the_table(keyspace: Keyspace) -> None:
    with connected(keyspace, assessment_aggregator_table=ASSESSMENTS) as tables:
        tables.check()
        assert_that(tables.assessments.table.name, equal_to(ASSESSMENTS))
