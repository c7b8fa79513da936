"""The schema is read from Cassandra, checked, and followed while the job runs."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hamcrest import assert_that, calling, contains_exactly, equal_to, has_entries, has_item, not_, raises

from faults.keyspaces import Keyspace, MakeKeyspace
from faults.memory_tables import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS
from tests.support.tables import Tables
from transforms.store.errors import SchemaError
from transforms.store.event_loop import wait_for
from transforms.store.user_enrolments import UserEnrolments
from transforms.table_merges import TABLE_MERGES


@pytest.fixture
def keyspace(make_keyspace: MakeKeyspace) -> Keyspace:
    return make_keyspace()


@pytest.fixture
def tables(keyspace: Keyspace) -> Iterator[Tables]:
    tables = Tables(keyspace.settings(retry_seconds=10))
    yield tables
    tables.close()


def enrolment(userid: str, **columns: Any) -> dict[str, Any]:
    return {"userid": userid, "courseid": "c1", "batchid": "b1", **columns}


def merge(tables: Tables, from_account: str, to_account: str) -> None:
    """Merge as a stage does, which tries again what may pass."""

    async def merged() -> None:
        for stage in TABLE_MERGES:
            async for part in stage.plan(tables.merging, from_account, to_account, ""):
                if part.rows_to_write:
                    await part.write()

    wait_for(tables.store.run(merged))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, "the change did not become known"
        time.sleep(0.1)


def test_a_column_that_is_added_is_merged_from_then_on(keyspace: Keyspace, tables: Tables) -> None:
    keyspace.session.execute(f"ALTER TABLE {ENROLMENTS} DROP certstatus")
    keyspace.insert({ENROLMENTS: [enrolment("a", status=1), enrolment("b", status=1)]})
    merge(tables, "a", "b")

    keyspace.session.execute(f"ALTER TABLE {ENROLMENTS} ADD certstatus_2 int")
    keyspace.session.execute(f"ALTER TABLE {CONTENT_CONSUMPTION} ADD new_column text")
    keyspace.insert(
        {
            ENROLMENTS: [enrolment("c", certstatus_2=7), enrolment("d", status=2)],
            CONTENT_CONSUMPTION: [enrolment("c", contentid="k1", new_column="n")],
        }
    )
    # The event of the change is on its way to the driver.
    wait_until(
        lambda: (
            {"certstatus_2", "new_column"} <= {*tables.enrolments.columns.names, *tables.contents.columns.names}
        )
    )
    merge(tables, "c", "d")

    assert_that(keyspace.rows(ENROLMENTS, userid="d"), contains_exactly(has_entries(certstatus_2=7, status=2)))
    assert_that(keyspace.rows(CONTENT_CONSUMPTION, userid="d"), contains_exactly(has_entries(new_column="n")))


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        (CONTENT_CONSUMPTION, "completionpercentage", {"contentid": "k1", "progress": 3}),
        (ENROLMENTS, "certstatus", {"status": 3}),
    ],
)
@pytest.mark.parametrize("is_noticed", [True, False], ids=["noticed", "unnoticed"])
def test_a_column_that_is_dropped_fails_nothing(
    table: str, column: str, row: dict[str, Any], is_noticed: bool, keyspace: Keyspace, tables: Tables
) -> None:
    keyspace.insert({table: [enrolment("a", **row)]})
    merge(tables, "a", "b")
    if not is_noticed:
        # As of a node that was down when the driver would have been told.
        tables.store._session._cluster.control_connection._handle_schema_change = lambda event: None

    keyspace.session.execute(f"ALTER TABLE {table} DROP {column}")
    for to_account in "cde":
        merge(tables, "a", to_account)
        assert_that(keyspace.rows(table, userid=to_account), contains_exactly(has_entries(row)))


def test_work_that_began_before_another_has_found_the_change_fails_nothing(
    keyspace: Keyspace, tables: Tables
) -> None:
    keyspace.insert({ENROLMENTS: [enrolment("a", status=1)]})
    merge(tables, "a", "b")
    attempts = 0

    async def late() -> int:
        nonlocal attempts
        enrolments = await tables.store.table(UserEnrolments)
        attempts += 1
        if attempts == 1:
            await asyncio.to_thread(keyspace.session.execute, f"ALTER TABLE {ENROLMENTS} DROP certstatus")
            await tables.store.run(other)
        from_rows, _ = await enrolments.rows("a", "b")
        return len(from_rows)

    async def other() -> None:
        enrolments = await tables.store.table(UserEnrolments)
        await enrolments.rows("a", "b")
        assert_that(enrolments.columns.names, not_(has_item("certstatus")))

    assert_that(wait_for(tables.store.run(late)), equal_to(1))
    assert_that(attempts, equal_to(2))


@pytest.mark.parametrize("column", ["aggregates", "agg_last_updated", "agg_details", "agg"])
def test_aggregates_are_merged_without_a_column_that_older_releases_lack(
    column: str, keyspace: Keyspace, tables: Tables
) -> None:
    key = {"activity_type": "Course", "activity_id": "c1", "context_id": "cb:b1"}
    columns = {"agg": {"completedCount": 3}, "aggregates": {"completedCount": 2.0}, "agg_details": ["d"]}
    columns.pop(column, None)
    keyspace.session.execute(f"ALTER TABLE {ACTIVITY_AGG} DROP {column}")
    keyspace.insert({ENROLMENTS: [enrolment("a")], ACTIVITY_AGG: [{**key, "user_id": "a", **columns}]})

    merge(tables, "a", "b")

    written = keyspace.rows(ACTIVITY_AGG, activity_type="Course", activity_id="c1", user_id="b")
    assert_that(written, contains_exactly(has_entries(columns)))
    assert_that(tables.would_write("a", "b"), equal_to(False))


def test_an_aggregate_of_which_the_table_has_no_column_is_not_lacked(keyspace: Keyspace, tables: Tables) -> None:
    keyspace.session.execute(f"ALTER TABLE {ACTIVITY_AGG} DROP aggregates")
    keyspace.session.execute(f"ALTER TABLE {ACTIVITY_AGG} DROP agg_last_updated")
    row = {"activity_type": "Course", "activity_id": "c1", "context_id": "cb:b1", "user_id": "a"}
    keyspace.insert({ENROLMENTS: [enrolment("a")], ACTIVITY_AGG: [row]})

    merge(tables, "a", "b")

    assert_that(tables.would_write("a", "b"), equal_to(False))


def test_contents_are_merged_where_a_newer_release_names_the_keys(keyspace: Keyspace, tables: Tables) -> None:
    keyspace.session.execute(
        f"ALTER TABLE {CONTENT_CONSUMPTION} RENAME courseid TO collectionid AND batchid TO contextid"
    )
    key = {"collectionid": "c1", "contextid": "b1"}
    keyspace.insert(
        {
            CONTENT_CONSUMPTION: [
                {"userid": "a", **key, "contentid": "k1", "viewcount": 3, "status": 2},
                {"userid": "a", **key, "contentid": "k2", "viewcount": 1},
                {"userid": "b", **key, "contentid": "k1", "viewcount": 4, "status": 1},
            ]
        }
    )

    merge(tables, "a", "b")

    assert_that(
        keyspace.rows(CONTENT_CONSUMPTION, userid="b"),
        contains_exactly(
            has_entries(key | {"contentid": "k1", "viewcount": 7, "status": 2}),
            has_entries(key | {"contentid": "k2", "viewcount": 1}),
        ),
    )
    assert_that(tables.would_write("a", "b"), equal_to(False))


def test_a_static_column_is_no_rows_and_stays(keyspace: Keyspace, tables: Tables) -> None:
    keyspace.session.execute(f"ALTER TABLE {CONTENT_CONSUMPTION} ADD note text static")
    content = {"courseid": "c1", "batchid": "b1", "contentid": "k1", "viewcount": 1}
    keyspace.insert(
        {CONTENT_CONSUMPTION: [{"userid": account, "note": f"of {account}", **content} for account in "ab"]}
    )

    merge(tables, "a", "b")

    (row,) = keyspace.rows(CONTENT_CONSUMPTION, userid="b")
    assert_that(row, has_entries(note="of b", viewcount=2))


def test_columns_without_a_rule_are_copied_whatever_their_type(keyspace: Keyspace, tables: Tables) -> None:
    keyspace.session.execute(f"ALTER TABLE {ENROLMENTS} ADD odd map<frozen<list<text>>, int>")
    keyspace.session.execute(f"ALTER TABLE {ENROLMENTS} ADD raw blob")
    add = f"INSERT INTO {ENROLMENTS} (userid, courseid, batchid, odd, raw) VALUES (%s, %s, %s, {{['x']: %s}}, %s)"
    for account, course, number in (("a", "c1", 1), ("a", "c2", 2), ("b", "c1", 3)):
        keyspace.session.execute(add, (account, course, "b1", number, bytes([255, number])))

    merge(tables, "a", "b")

    select = f"SELECT courseid, toJson(odd) AS odd, raw FROM {ENROLMENTS} WHERE userid = 'b'"
    rows = [(row["courseid"], json.loads(row["odd"]), row["raw"]) for row in keyspace.session.execute(select)]
    assert_that(rows, equal_to([("c1", {'["x"]': 3}, b"\xff\x03"), ("c2", {'["x"]': 2}, b"\xff\x02")]))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            [
                f"DROP TABLE {ACTIVITY_AGG}",
                f"CREATE TABLE {ACTIVITY_AGG} (activity_type text, activity_id text, user_id text,"
                " context_id text, agg map<text, int>,"
                " PRIMARY KEY ((activity_type, activity_id), context_id, user_id))",
            ],
            r"user_activity_agg.table: the partition key of table \w+ is \(activity_type, activity_id\), not ",
        ),
        (
            [f"ALTER TABLE {CONTENT_CONSUMPTION} RENAME courseid TO collectionid"],
            r"content_consumption.table: the primary key of table \w+ is \(userid, collectionid, ",
        ),
        (
            [
                f"DROP TABLE {ENROLMENTS}",
                f"CREATE TABLE {ENROLMENTS} (userid text, courseid text, batchid text, status bigint,"
                " PRIMARY KEY (userid, courseid, batchid))",
            ],
            r"user_enrolments.table: column status of table \w+ is of type bigint, not int",
        ),
        (
            [
                f"DROP TABLE {ENROLMENTS}",
                f"CREATE TABLE {ENROLMENTS} (userid text, courseid text, batchid uuid, status int,"
                " PRIMARY KEY (userid, courseid, batchid))",
            ],
            r"user_enrolments.table: column batchid of table \w+ is of type uuid, not text",
        ),
        (
            [
                f"DROP TABLE {CONTENT_CONSUMPTION}",
                f"CREATE TABLE {CONTENT_CONSUMPTION} (userid text, courseid text, batchid text, contentid text,"
                " viewcount bigint, PRIMARY KEY (userid, courseid, batchid, contentid))",
            ],
            r"content_consumption.table: column viewcount of table \w+ is of type bigint, not int",
        ),
        (
            [
                f"DROP TABLE {ACTIVITY_AGG}",
                f"CREATE TABLE {ACTIVITY_AGG} (activity_type text, activity_id text, user_id text,"
                " context_id text, agg frozen<map<text, int>>,"
                " PRIMARY KEY ((activity_type, activity_id, user_id), context_id))",
            ],
            r"column agg of table \w+ is of type frozen<map<text, int>>, not map<text,int>",
        ),
    ],
    ids=["partition", "key", "type", "uuid in the key", "type of a count", "frozen map"],
)
def test_a_key_or_a_column_with_a_rule_of_another_shape_is_said_in_a_sentence(
    changes: list[str], sentence: str, keyspace: Keyspace, tables: Tables
) -> None:
    merge(tables, "a", "b")
    for change in changes:
        keyspace.session.execute(change)

    def is_refused() -> bool:
        try:
            merge(tables, "a", "b")
        except SchemaError as e:
            # Between the two changes the table is not there.
            return re.search(sentence, str(e)) is not None
        return False

    wait_until(is_refused)
    assert_that(calling(Tables(keyspace.settings()).check), raises(SchemaError, sentence))
