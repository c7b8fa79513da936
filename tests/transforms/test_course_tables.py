"""Reads and writes on a real Cassandra: columns of the live schema, nothing but what changes, whole batches."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from cassandra.cluster import NoHostAvailable
from cassandra.query import UNSET_VALUE, BoundStatement
from hamcrest import (
    assert_that,
    calling,
    contains_exactly,
    contains_inanyorder,
    contains_string,
    empty,
    equal_to,
    has_entries,
    has_key,
    has_length,
    less_than_or_equal_to,
    not_,
    only_contains,
    raises,
)

from local.settings import HOST
from tests.blocking import Blocking
from tests.keyspaces import Keyspace, MakeKeyspace
from tests.large_rows import check_large_rows
from tests.memory_tables import ACTIVITY_AGG, CONTENT_CONSUMPTION, DATES, ENROLMENTS, LEDGER, MERGE_LOG
from transforms import course_tables
from transforms.course_tables import CourseTables, MissingTableError
from transforms.event_loop import wait_for
from transforms.plans import Plans
from transforms.protocol import UNSET
from transforms.rules.content_consumption import BatchWrites
from transforms.rules.rows import RowWrite
from transforms.statements import BoundRow, as_request, together


@contextmanager
def connected(keyspace: Keyspace, /, *, merge_ledger: bool = True, **changes: Any) -> Iterator[Blocking]:
    tables = Blocking(CourseTables(keyspace.settings(**changes), merge_ledger=merge_ledger))
    try:
        yield tables
    finally:
        tables.close()


@pytest.fixture(scope="module")
def keyspace(make_keyspace: MakeKeyspace) -> Keyspace:
    return make_keyspace()


@pytest.fixture(scope="module")
def tables(keyspace: Keyspace) -> Iterator[Blocking]:
    with connected(keyspace) as made:
        yield made


@pytest.fixture(scope="module")
def other_schema(make_keyspace: MakeKeyspace) -> Keyspace:
    """An older schema, and a newer one at the same time: columns are missing, and there are more."""
    keyspace = make_keyspace()
    for change in (
        f"ALTER TABLE {CONTENT_CONSUMPTION} DROP (completionpercentage, last_updated_time)",
        f'ALTER TABLE {CONTENT_CONSUMPTION} ADD ("New Column" text, new_map map<text, int>)',
        f"ALTER TABLE {ENROLMENTS} DROP (certstatus, enrolled_date, completionpercentage)",
        f"ALTER TABLE {ENROLMENTS} ADD (new_column int, new_map map<text, text>, new_set set<text>)",
        f"ALTER TABLE {ACTIVITY_AGG} DROP agg_details",
        f"ALTER TABLE {ACTIVITY_AGG} ADD (new_column text)",
    ):
        keyspace.session.execute(change)
    return keyspace


@pytest.fixture
def account() -> Callable[[str], str]:
    """Ids of accounts that no other test has."""
    mark = uuid4().hex[:8]
    return lambda name: f"{name}-{mark}"


def enrolment(userid: str, courseid: str = "c1", batchid: str = "b1", **columns: Any) -> dict[str, Any]:
    return {"userid": userid, "courseid": courseid, "batchid": batchid, **columns}


def aggregates(user_id: str, **columns: Any) -> dict[str, Any]:
    return {"activity_type": "Course", "activity_id": "c1", "user_id": user_id, "context_id": "cb:b1", **columns}


def merge(tables: Blocking, from_account: str, to_account: str) -> None:
    """Merge the three tables."""
    plans = Blocking(Plans(tables.awaited, DATES, merge_ledger=True))
    for writes, _ in plans.content_consumption(from_account, to_account):
        tables.write_content_consumption(writes)
    tables.write_enrolments(plans.user_enrolments(from_account, to_account)[0])
    tables.write_activity_aggregates(plans.user_activity_agg(from_account, to_account)[0])


# Columns of the live schema


def test_a_row_is_copied_with_the_columns_that_the_table_has_whatever_they_are(
    other_schema: Keyspace, account: Callable[[str], str]
) -> None:
    from_account, to_account = account("from"), account("to")
    rows = {
        CONTENT_CONSUMPTION: {"status": 2, "viewcount": 3, "new_map": {"a": 1}},
        ENROLMENTS: {"status": 2, "new_column": 7, "new_map": {"a": "b"}, "new_set": {"x", "y"}},
    }
    key = enrolment(from_account)
    other_schema.insert(
        {
            CONTENT_CONSUMPTION: [key | {"contentid": "k1", '"New Column"': "n"} | rows[CONTENT_CONSUMPTION]],
            ENROLMENTS: [key | rows[ENROLMENTS]],
            ACTIVITY_AGG: [aggregates(from_account, aggregates={"completedCount": 1.0}, new_column="n")],
        }
    )

    with connected(other_schema) as tables:
        merge(tables, from_account, to_account)

    assert_that(
        other_schema.rows(CONTENT_CONSUMPTION, userid=to_account),
        contains_exactly(has_entries({"New Column": "n", **rows[CONTENT_CONSUMPTION]})),
    )
    assert_that(other_schema.rows(ENROLMENTS, userid=to_account), contains_exactly(has_entries(rows[ENROLMENTS])))
    assert_that(
        other_schema.rows(ACTIVITY_AGG, activity_type="Course", activity_id="c1", user_id=to_account),
        contains_exactly(has_entries(aggregates={"completedCount": 1.0}, new_column="n")),
    )


def test_on_a_matched_row_a_column_without_a_rule_is_the_primarys_unless_that_is_null(
    other_schema: Keyspace, account: Callable[[str], str]
) -> None:
    from_account, to_account = account("from"), account("to")
    other_schema.insert(
        {
            ENROLMENTS: [
                enrolment(from_account, "c1", new_column=7, new_map={"a": "from"}, status=2),
                enrolment(from_account, "c2", new_column=7),
                enrolment(to_account, "c1", new_column=1, new_map={"b": "to"}, status=1),
                enrolment(to_account, "c2", status=1),
            ],
        }
    )

    with connected(other_schema) as tables:
        merge(tables, from_account, to_account)

    assert_that(
        other_schema.rows(ENROLMENTS, userid=to_account),
        contains_exactly(
            has_entries(courseid="c1", new_column=1, new_map={"b": "to"}, status=2),
            has_entries(courseid="c2", new_column=7, status=1),
        ),
    )


def test_rows_are_read_with_all_columns_of_the_table_and_no_others(
    other_schema: Keyspace, account: Callable[[str], str]
) -> None:
    other_schema.insert({ENROLMENTS: [enrolment(account("a"))]})

    with connected(other_schema) as tables:
        ((row,),) = tables.enrolments(account("a"))
        read = tables.enrolment_pairing.columns.row(row)

    assert_that(read, has_key("new_column"))
    assert_that(read, not_(has_key("certstatus")))


# Nothing but what changes


def written_at(keyspace: Keyspace, table: str, column: str, userid: str) -> Any:
    query = f"SELECT writetime({column}) AS at FROM {table} WHERE userid = %s"
    return keyspace.session.execute(query, (userid,)).one()["at"]


def test_what_a_write_leaves_out_keeps_its_value_and_is_not_even_written(
    keyspace: Keyspace, tables: Blocking, account: Callable[[str], str]
) -> None:
    to_account = account("to")
    row = enrolment(to_account)
    keyspace.insert(
        {
            CONTENT_CONSUMPTION: [row | {"contentid": "k1", "status": 1, "progressdetails": "{}"}],
            ENROLMENTS: [row | {"status": 1, "addedby": "self", "contentstatus": {"k1": 1}}],
        }
    )
    before = [
        written_at(keyspace, table, column, to_account)
        for table, column in ((CONTENT_CONSUMPTION, "progressdetails"), (ENROLMENTS, "addedby"))
    ]

    tables.write_content_consumption(
        [BatchWrites("c1", "b1", [RowWrite(False, row | {"contentid": "k1", "status": 2})], [])]
    )
    tables.write_enrolments([RowWrite(False, row | {"status": 2})])

    assert_that(
        keyspace.rows(CONTENT_CONSUMPTION, userid=to_account),
        contains_exactly(has_entries(status=2, progressdetails="{}")),
    )
    assert_that(
        keyspace.rows(ENROLMENTS, userid=to_account),
        contains_exactly(has_entries(status=2, addedby="self", contentstatus={"k1": 1})),
    )
    assert_that(written_at(keyspace, CONTENT_CONSUMPTION, "progressdetails", to_account), equal_to(before[0]))
    assert_that(written_at(keyspace, ENROLMENTS, "addedby", to_account), equal_to(before[1]))


def test_no_null_is_written_over_what_another_writer_wrote_meanwhile(
    keyspace: Keyspace, tables: Blocking, account: Callable[[str], str]
) -> None:
    from_account, to_account = account("from"), account("to")
    keyspace.insert(
        {
            CONTENT_CONSUMPTION: [enrolment(from_account, contentid="k1", status=2)],
            ENROLMENTS: [enrolment(from_account, status=2)],
            ACTIVITY_AGG: [aggregates(from_account, aggregates={"completedCount": 2.0})],
        }
    )
    plans = Blocking(Plans(tables.awaited, DATES, merge_ledger=True))
    content = next(plans.content_consumption(from_account, to_account))[0]
    enrolments = plans.user_enrolments(from_account, to_account)[0]
    aggregated = plans.user_activity_agg(from_account, to_account)[0]

    # The primary had no rows when they were read; now the learner has gone on in that course.
    keyspace.insert(
        {
            CONTENT_CONSUMPTION: [enrolment(to_account, contentid="k1", progressdetails="{}")],
            ENROLMENTS: [enrolment(to_account, lastreadcontentid="k1", certificates=[{"identifier": "x"}])],
            ACTIVITY_AGG: [aggregates(to_account, aggregates={"score:k1": 1.0}, agg_details=["d"])],
        }
    )
    tables.write_content_consumption(content)
    tables.write_enrolments(enrolments)
    tables.write_activity_aggregates(aggregated)

    assert_that(
        keyspace.rows(CONTENT_CONSUMPTION, userid=to_account),
        contains_exactly(has_entries(status=2, progressdetails="{}")),
    )
    assert_that(
        keyspace.rows(ENROLMENTS, userid=to_account),
        contains_exactly(has_entries(status=2, lastreadcontentid="k1", certificates=[{"identifier": "x"}])),
    )
    assert_that(
        keyspace.rows(ACTIVITY_AGG, activity_type="Course", activity_id="c1", user_id=to_account),
        contains_exactly(has_entries(aggregates={"score:k1": 1.0, "completedCount": 2.0}, agg_details=["d"])),
    )


def test_map_entries_are_added_to_those_that_another_writer_wrote_meanwhile(
    keyspace: Keyspace, tables: Blocking, account: Callable[[str], str]
) -> None:
    from_account, to_account = account("from"), account("to")
    keyspace.insert(
        {
            ENROLMENTS: [
                enrolment(from_account, contentstatus={"k1": 2}),
                enrolment(to_account, contentstatus={"k1": 1}),
            ],
            ACTIVITY_AGG: [
                aggregates(from_account, agg={"completedCount": 2}),
                aggregates(to_account, agg={"completedCount": 1}),
            ],
        }
    )
    plans = Blocking(Plans(tables.awaited, DATES, merge_ledger=True))
    enrolments = plans.user_enrolments(from_account, to_account)[0]
    aggregated = plans.user_activity_agg(from_account, to_account)[0]

    session = keyspace.session
    session.execute(
        f"UPDATE {ENROLMENTS} SET contentstatus['k2'] = 2"
        " WHERE userid = %s AND courseid = 'c1' AND batchid = 'b1'",
        (to_account,),
    )
    session.execute(
        f"UPDATE {ACTIVITY_AGG} SET agg['other'] = 5 WHERE activity_type = 'Course' AND activity_id = 'c1'"
        " AND user_id = %s AND context_id = 'cb:b1'",
        (to_account,),
    )
    tables.write_enrolments(enrolments)
    tables.write_activity_aggregates(aggregated)

    assert_that(
        keyspace.rows(ENROLMENTS, userid=to_account),
        contains_exactly(has_entries(contentstatus={"k1": 2, "k2": 2})),
    )
    assert_that(
        keyspace.rows(ACTIVITY_AGG, activity_type="Course", activity_id="c1", user_id=to_account),
        contains_exactly(has_entries(agg={"completedCount": 2, "other": 5})),
    )


def test_ledger_rows_are_written_with_the_rows(
    keyspace: Keyspace, tables: Blocking, account: Callable[[str], str]
) -> None:
    row = enrolment(account("to"))
    ledger = row | {"originid": "o", "viewcounts": {"k1": 3}, "updated_on": 1_648_641_600_005}
    rows = [RowWrite(True, row | {"contentid": f"k{i}", "viewcount": i}) for i in (1, 2)]

    tables.write_content_consumption([BatchWrites("c1", "b1", rows, [ledger])])

    assert_that(keyspace.rows(CONTENT_CONSUMPTION, userid=account("to")), has_length(2))
    assert_that(
        keyspace.rows(LEDGER, userid=account("to")),
        contains_exactly(
            has_entries(
                ledger
                | {"viewcounts": has_entries(k1=3), "completedcounts": None}
                | {"updated_on": datetime(2022, 3, 30, 12, 0, 0, 5_000)}  # noqa: DTZ001 - as the driver has it
            )
        ),
    )


def test_the_merge_log_has_the_accounts_into_which_an_account_was_merged(
    tables: Blocking, account: Callable[[str], str]
) -> None:
    a, b, c = map(account, "abc")
    for into, mid in ((b, "LP.1"), (c, "LP.2"), (b, "LP.3")):
        tables.write_merge_log(a, into, mid)

    assert_that(
        tables.merge_log(a),
        contains_inanyorder(has_entries(intoid=b, mid="LP.3"), has_entries(intoid=c, mid="LP.2")),
    )
    assert_that([tables.is_logged(a, b), tables.is_logged(b, a)], equal_to([True, False]))


def test_aggregates_are_those_of_the_courses_of_the_enrolled_account_for_each_account(
    keyspace: Keyspace, tables: Blocking, account: Callable[[str], str]
) -> None:
    a, b = account("a"), account("b")

    def aggregate(user_id: str, activity_id: str, context_id: str = "cb:b1") -> dict[str, Any]:
        return aggregates(user_id) | {"activity_id": activity_id, "context_id": context_id}

    keyspace.insert(
        {
            ENROLMENTS: [enrolment(a, "c1", "b1"), enrolment(a, "c1", "b2"), enrolment(b, "c2")],
            ACTIVITY_AGG: [
                {**aggregate(*key), "agg": {"completedCount": 1}}
                for key in ((a, "c1"), (a, "c1", "cb:b2"), (a, "c2"), (b, "c1"), (b, "c2"))
            ],
        }
    )

    read = tables.activity_aggregates(a, (a, b))

    assert_that(
        {
            of: [(row["user_id"], row["activity_id"], row["context_id"]) for row in rows]
            for of, rows in read.items()
        },
        equal_to({a: [(a, "c1", "cb:b1"), (a, "c1", "cb:b2")], b: [(b, "c1", "cb:b1")]}),
    )


# Sizes


def test_an_account_of_many_pages_is_read_and_written_whole(
    keyspace: Keyspace, tables: Blocking, account: Callable[[str], str]
) -> None:
    # The driver's pages have 5,000 rows; 60 batches of 100 contents go into several mutations.
    contents = [
        BatchWrites(
            "c1",
            f"b{b}",
            [
                RowWrite(True, enrolment(account("a"), batchid=f"b{b}", contentid=f"k{k}", viewcount=k))
                for k in range(100)
            ],
            [enrolment(account("a"), batchid=f"b{b}", originid="o", viewcounts={"k1": 1})],
        )
        for b in range(60)
    ]

    tables.write_content_consumption(contents)

    (rows,) = tables.content_consumption(account("a"))
    read = map(tables.content_pairing.columns.row, rows)
    written = {(row["batchid"], row["contentid"]): row["viewcount"] for row in read}
    assert_that(written, equal_to({(f"b{b}", f"k{k}"): k for b in range(60) for k in range(100)}))
    assert_that(rows, has_length(6_000))
    assert_that(keyspace.rows(LEDGER, userid=account("a")), has_length(60))


def test_a_large_account_is_merged_in_parts_of_whole_courses_each_read_when_it_is_asked_for(
    keyspace: Keyspace, tables: Blocking, account: Callable[[str], str]
) -> None:
    # 4,800 of 6,000 rows are of courses that both have; some courses are split between the driver's pages.
    a, b, origin = account("a"), account("b"), account("origin")

    def contents(of: str, courses: int) -> list[BatchWrites]:
        return [
            BatchWrites(
                f"c{c:02}",
                "b1",
                [RowWrite(True, enrolment(of, f"c{c:02}", contentid=f"k{k:03}", viewcount=2)) for k in range(300)],
                [enrolment(of, f"c{c:02}", originid=origin, viewcounts={"k000": 1})],
            )
            for c in range(courses)
        ]

    tables.write_content_consumption(contents(a, 20))
    tables.write_content_consumption(contents(b, 16))
    plans = Blocking(Plans(tables.awaited, DATES, merge_ledger=True))
    parts = plans.content_consumption(a, b)
    courses, read = [], []

    for writes, rows_read in parts:
        courses.append([batch.courseid for batch in writes])
        read.append(rows_read)
        tables.write_content_consumption(writes)

    assert_that(courses, equal_to([[f"c{c:02}" for c in range(n, n + 4)] for n in range(0, 20, 4)]))
    # Rows of both, and their ledger rows of the origin.
    assert_that(read, equal_to([2_408, 2_408, 2_408, 2_408, 1_204]))
    merged = {
        (row["courseid"], row["contentid"]): row["viewcount"]
        for row in keyspace.rows(CONTENT_CONSUMPTION, userid=b)
    }
    # The view of the origin is one of both accounts', and counts once.
    assert_that(
        merged,
        equal_to(
            {(f"c{c:02}", f"k{k:03}"): 2 if c >= 16 else 3 if k == 0 else 4 for c in range(20) for k in range(300)}
        ),
    )
    assert_that(plans.would_write(a, b), equal_to(False))


def batch(name: str, rows: int) -> BatchWrites:
    writes = [RowWrite(True, enrolment("a", batchid=name, contentid=str(i))) for i in range(rows)]
    return BatchWrites("c1", name, writes, [])


@pytest.mark.parametrize(
    ("sizes", "chunks"),
    [
        ([], []),
        ([10], [[10]]),
        ([400, 600, 1, 2], [[400, 600], [1, 2]]),
        ([999, 2], [[999], [2]]),
        ([5_000, 1], [[5_000], [1]]),
        ([1, 5_000, 1], [[1], [5_000], [1]]),
        ([0, 1_000, 0], [[0, 1_000, 0]]),
    ],
)
def test_mutations_hold_whole_batches_in_order_and_many_rows_only_of_one_batch(
    sizes: list[int], chunks: list[list[int]]
) -> None:
    batches = [batch(f"b{i}", rows) for i, rows in enumerate(sizes)]

    made = list(course_tables._chunks(batches))

    assert_that([[len(one.rows) for one in chunk] for chunk in made], equal_to(chunks))
    assert_that([one for chunk in made for one in chunk], equal_to(batches))
    for chunk in made:
        if len(chunk) > 1:
            assert_that(sum(len(one.rows) for one in chunk), less_than_or_equal_to(1_000))


# Tables that are not there


@pytest.fixture(scope="module")
def without_merge_tables(make_keyspace: MakeKeyspace) -> Keyspace:
    keyspace = make_keyspace()
    for table in (LEDGER, MERGE_LOG):
        keyspace.session.execute(f"DROP TABLE {table}")
    return keyspace


@pytest.mark.parametrize(
    ("changes", "variable", "named"),
    [
        ({"keyspace": "nowhere"}, "lms-cassandra.keyspace", "there is no keyspace nowhere"),
        (
            {"content_consumption_table": "no_content"},
            "lms-cassandra.content_consumption.table",
            "there is no table no_content in keyspace ",
        ),
        (
            {"user_enrolments_table": "no_enrolments"},
            "lms-cassandra.user_enrolments.table",
            "there is no table no_enrolments in keyspace ",
        ),
        (
            {"user_activity_agg_table": "no_aggregates"},
            "lms-cassandra.user_activity_agg.table",
            "there is no table no_aggregates in keyspace ",
        ),
    ],
)
def test_what_does_not_exist_is_named_with_its_variable(
    changes: dict[str, str], variable: str, named: str, keyspace: Keyspace
) -> None:
    with connected(keyspace, **changes) as tables, pytest.raises(MissingTableError) as refused:
        tables.connect()

    assert_that(str(refused.value), contains_string(f"{variable}: {named}"))


def test_with_the_ledger_on_its_tables_are_needed(without_merge_tables: Keyspace) -> None:
    with connected(without_merge_tables) as tables:
        assert_that(
            calling(tables.connect), raises(MissingTableError, f"^merge.ledger: there is no table {LEDGER} in")
        )


def test_with_the_ledger_off_its_tables_need_not_exist(
    without_merge_tables: Keyspace, account: Callable[[str], str]
) -> None:
    row = enrolment(account("to"), contentid="k1")

    with connected(without_merge_tables, merge_ledger=False) as tables:
        tables.write_content_consumption([BatchWrites("c1", "b1", [RowWrite(True, row)], [])])
        ((read,),) = tables.content_consumption(account("to"))
        assert_that(tables.content_pairing.columns.row(read), has_entries(row))


def test_a_table_that_appears_later_is_found_at_the_next_use(make_keyspace: MakeKeyspace) -> None:
    keyspace = make_keyspace()
    keyspace.session.execute(f"DROP TABLE {MERGE_LOG}")

    with connected(keyspace) as tables:
        assert_that(calling(tables.enrolments).with_args("a"), raises(MissingTableError, MERGE_LOG))
        keyspace.session.execute(
            f"CREATE TABLE {MERGE_LOG} (userid text, intoid text, mid text, merged_on timestamp,"
            " PRIMARY KEY (userid, intoid))"
        )
        assert_that(tables.enrolments("a"), contains_exactly(empty()))


def test_a_server_that_takes_connections_and_closes_them_is_no_cassandra(keyspace: Keyspace) -> None:
    class Close(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)

    with ThreadingTCPServer((HOST, 0), Close) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with connected(keyspace, port=server.server_address[1]) as tables:
            assert_that(calling(tables.connect), raises(NoHostAvailable, "closed the connection"))
        server.shutdown()


def test_tables_that_were_closed_connect_again(keyspace: Keyspace) -> None:
    with connected(keyspace) as tables:
        tables.write_merge_log("closed", "b", "LP.1")
        tables.close()
        assert_that(tables.is_logged("closed", "b"), equal_to(True))


def test_more_than_a_socket_takes_at_once_is_written_and_read_whole(
    tables: Blocking, account: Callable[[str], str]
) -> None:
    check_large_rows(tables, account("a"))


# What the driver does with statements


def test_all_statements_stay_known_to_the_driver_which_prepares_them_again_where_a_node_has_forgotten_them(
    tables: Blocking,
) -> None:
    tables.merge_log("any")
    gc.collect()  # the driver refers to them only weakly

    statements = tables.awaited._cluster._prepared_statements.values()

    assert_that(
        Counter(statement.query_string.split()[0] for statement in statements),
        equal_to({"SELECT": 9, "INSERT": 4, "UPDATE": 2}),
    )


def test_a_request_goes_to_where_its_first_partition_is(keyspace: Keyspace, tables: Blocking) -> None:
    tables.merge_log("any")
    writes, reads = tables.awaited._insert_content, tables.awaited._enrolments
    aggregate = {"activity_type": "Course", "activity_id": "c1", "user_id": "a"}
    composite = tables.awaited._update_aggregates

    content = as_request([writes.bind({"userid": "a"}), writes.bind({"userid": "b"})])
    aggregated = as_request([composite.bind(aggregate)])
    theirs = BoundStatement(composite._prepared)
    theirs.bind([aggregate.get(column.name, UNSET_VALUE) for column in composite._prepared.column_metadata])
    read = reads.bind_partitions(["b", "c"])

    name = keyspace.settings().keyspace
    assert_that([content.keyspace, aggregated.keyspace, read.keyspace], only_contains(name))
    assert_that(content.routing_key, equal_to(b"a"))
    assert_that(aggregated.routing_key, equal_to(theirs.routing_key))
    assert_that(read.routing_key, equal_to(b"b"))


# Several partitions in one request


def test_accounts_that_are_asked_for_at_the_same_time_each_have_their_own_rows(
    keyspace: Keyspace, tables: Blocking, account: Callable[[str], str]
) -> None:
    a, b, none = account("a"), account("b"), account("none")
    keyspace.insert(
        {
            ENROLMENTS: [enrolment(a, "c1"), enrolment(a, "c2"), enrolment(b, "c3")],
            ACTIVITY_AGG: [aggregates(b, agg={"completedCount": 1}) | {"activity_id": "c3"}],
        }
    )

    async def ask() -> tuple[Any, Any, Any]:
        awaited = tables.awaited
        await asyncio.gather(awaited.write_merge_log(a, b, "m1"), awaited.write_merge_log(b, none, "m2"))
        return (
            await asyncio.gather(*map(awaited.merge_log, (a, b, none, a))),
            await asyncio.gather(awaited.enrolments(a, b), awaited.enrolments(none, a)),
            await asyncio.gather(*(awaited.activity_aggregates(one, (b,)) for one in (a, b))),
        )

    logs, enrolments, aggregated = wait_for(ask())

    assert_that([[row["mid"] for row in rows] for rows in logs], equal_to([["m1"], ["m2"], [], ["m1"]]))
    courseid = tables.enrolment_pairing.columns.some("courseid")
    assert_that(
        [[[courseid(row) for row in rows] for rows in group] for group in enrolments],
        equal_to([[[(b"c1",), (b"c2",)], [(b"c3",)]], [[], [(b"c1",), (b"c2",)]]]),
    )
    assert_that([len(rows[b]) for rows in aggregated], equal_to([0, 1]))


def test_an_account_that_cassandra_refuses_fails_alone(tables: Blocking, account: Callable[[str], str]) -> None:
    accounts = [account("a"), "x" * 70_000, "\ud800", account("b")]

    async def ask() -> tuple[list[Any], list[Any]]:
        awaited = tables.awaited
        writes = (awaited.write_merge_log(one, "into", "m") for one in accounts)
        return (
            await asyncio.gather(*writes, return_exceptions=True),
            await asyncio.gather(*map(awaited.merge_log, accounts), return_exceptions=True),
        )

    written, read = wait_for(ask())

    for results in written, read:
        assert_that([isinstance(one, Exception) for one in results], equal_to([False, True, True, False]))
        assert_that(str(results[1]), contains_string("longer than maximum"))
    assert_that([[row["intoid"] for row in rows] for rows in (read[0], read[3])], equal_to([["into"], ["into"]]))


def bound(size: int) -> BoundRow:
    return mock.sentinel.write, [bytes(size - 4), UNSET]


@pytest.mark.parametrize(
    ("sizes", "requests"),
    [
        ([], []),
        ([[500]] * 5, [5]),
        ([[1_000]] * 6, [4, 2]),
        ([[10]] * 11, [10, 1]),
        ([[100], [9_000, 9_000], [100]], [1, 2, 1]),
        ([[1_900, 1_900], [300]], [2, 1]),
    ],
    ids=str,
)
def test_a_request_has_several_partitions_only_while_they_are_small_and_each_whole(
    sizes: list[list[int]], requests: list[int]
) -> None:
    partitions = [[bound(size) for size in partition] for partition in sizes]

    made = list(together(partitions))

    assert_that([len(statements) for statements in made], equal_to(requests))
    assert_that(list(chain.from_iterable(made)), equal_to(list(chain.from_iterable(partitions))))


def test_aggregates_of_many_courses_are_read_and_written(
    keyspace: Keyspace, tables: Blocking, account: Callable[[str], str]
) -> None:
    a, b = account("a"), account("b")
    courses = [f"c{number:02}" for number in range(25)]
    keyspace.insert(
        {
            ENROLMENTS: [enrolment(a, course) for course in courses],
            ACTIVITY_AGG: [
                aggregates(a, agg_details=["d" * 900], agg={"completedCount": 1}) | {"activity_id": course}
                for course in courses
            ],
        }
    )

    merge(tables, a, b)

    assert_that(
        [(row["activity_id"], row["agg"]) for row in tables.activity_aggregates(a, (a, b))[b]],
        contains_inanyorder(*((course, {"completedCount": 1}) for course in courses)),
    )


# Ledgers


def test_of_the_primary_only_ledger_rows_of_the_from_accounts_origins_are_read(
    tables: Blocking, account: Callable[[str], str]
) -> None:
    a, b, origin = account("a"), account("b"), account("origin")

    def ledger(of: str, originid: str, batchid: str = "b1") -> dict[str, Any]:
        return enrolment(of, batchid=batchid, originid=originid, viewcounts={"k1": 1})

    rows = [RowWrite(True, enrolment(a, contentid="k1", viewcount=3))]
    tables.write_content_consumption([BatchWrites("c1", "b1", rows, [ledger(a, origin)])])
    tables.write_content_consumption(
        [BatchWrites("c1", "b1", [], [ledger(b, one) for one in (a, origin, account("other"))])]
    )
    tables.write_content_consumption([BatchWrites("c1", "b2", [], [ledger(b, a, "b2")])])

    from_ledger, to_rows, to_ledger = tables.counterparts(a, b, {("c1", "b1")})

    assert_that([row["originid"] for row in from_ledger], equal_to([origin]))
    assert_that(to_rows, empty())
    assert_that(
        [(row["batchid"], row["originid"]) for row in to_ledger], contains_inanyorder(("b1", a), ("b1", origin))
    )
