"""Reads and writes on a real Cassandra: columns of the live schema, nothing but what changes, whole batches."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import chain
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
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
    not_,
    only_contains,
    raises,
)

from faults.keyspaces import Keyspace, MakeKeyspace
from faults.memory_tables import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS, LEDGER, MERGE_LOG
from local.settings import HOST
from tests.support.large_rows import check_large_rows
from tests.support.tables import Tables, connected
from transforms.merge_content_consumption import MergeContentConsumption
from transforms.merge_user_activity_aggregates import MergeUserActivityAggregates
from transforms.merge_user_enrolments import MergeUserEnrolments
from transforms.rules.content_consumption import BatchWrites
from transforms.rules.rows import RowWrite
from transforms.rules.view_counts import digest
from transforms.store import statements
from transforms.store.errors import NoNodeError, SchemaError
from transforms.store.statements import as_request, mutations, share_requests
from transforms.table_merges import TABLE_MERGES


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
        tables.merge(from_account, to_account)

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
        tables.merge(from_account, to_account)

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
        (row,), _ = tables.enrolments.rows(account("a"), account("none"))
        read = tables.enrolments.columns.row(row)

    assert_that(read, has_key("new_column"))
    assert_that(read, not_(has_key("certstatus")))


# Nothing but what changes


def written_at(keyspace: Keyspace, table: str, column: str, userid: str) -> Any:
    query = f"SELECT writetime({column}) AS at FROM {table} WHERE userid = %s"
    return keyspace.session.execute(query, (userid,)).one()["at"]


def test_what_a_write_leaves_out_keeps_its_value_and_is_not_even_written(
    keyspace: Keyspace, tables: Tables, account: Callable[[str], str]
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

    tables.contents.write([BatchWrites("c1", "b1", [RowWrite(row | {"contentid": "k1", "status": 2})], [])])
    tables.enrolments.write([RowWrite(row | {"status": 2})])

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
    keyspace: Keyspace, tables: Tables, account: Callable[[str], str]
) -> None:
    from_account, to_account = account("from"), account("to")
    keyspace.insert(
        {
            CONTENT_CONSUMPTION: [enrolment(from_account, contentid="k1", status=2)],
            ENROLMENTS: [enrolment(from_account, status=2)],
            ACTIVITY_AGG: [aggregates(from_account, aggregates={"completedCount": 2.0})],
        }
    )
    planned = [next(tables.plan(stage, from_account, to_account)) for stage in TABLE_MERGES]

    # The primary had no rows when they were read; now the learner has gone on in that course.
    keyspace.insert(
        {
            CONTENT_CONSUMPTION: [enrolment(to_account, contentid="k1", progressdetails="{}")],
            ENROLMENTS: [enrolment(to_account, lastreadcontentid="k1", certificates=[{"identifier": "x"}])],
            ACTIVITY_AGG: [aggregates(to_account, aggregates={"score:k1": 1.0}, agg_details=["d"])],
        }
    )
    for part in planned:
        tables.write(part)

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
    keyspace: Keyspace, tables: Tables, account: Callable[[str], str]
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
    stages = (MergeUserEnrolments, MergeUserActivityAggregates)
    planned = [next(tables.plan(stage, from_account, to_account)) for stage in stages]

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
    for part in planned:
        tables.write(part)

    assert_that(
        keyspace.rows(ENROLMENTS, userid=to_account),
        contains_exactly(has_entries(contentstatus={"k1": 2, "k2": 2})),
    )
    assert_that(
        keyspace.rows(ACTIVITY_AGG, activity_type="Course", activity_id="c1", user_id=to_account),
        contains_exactly(has_entries(agg={"completedCount": 2, "other": 5})),
    )


def fact(of: str, originid: str, courseid: str = "c1", batchid: str = "b1", **columns: Any) -> dict[str, Any]:
    return enrolment(of, courseid, batchid, originid=originid, fact=digest(columns)) | columns


def test_facts_are_added_to_those_of_the_same_origin(
    keyspace: Keyspace, tables: Tables, account: Callable[[str], str]
) -> None:
    said = {"mid": "LP.1", "recorded_on": 1_648_641_600_005}
    facts = [fact(account("to"), "o", viewcounts={"k1": count}) | said for count in (3, 4)]

    tables.ledger.add([BatchWrites("c1", "b1", [], facts)])
    tables.ledger.add([BatchWrites("c1", "b1", [], facts[:1])])

    recorded = datetime(2022, 3, 30, 12, 0, 0, 5_000)  # noqa: DTZ001 - as the driver has it
    assert_that(
        keyspace.rows(LEDGER, userid=account("to")),
        contains_inanyorder(
            *(
                has_entries(one | {"viewcounts": has_entries(k1=count), "completedcounts": None})
                for one, count in zip([one | {"recorded_on": recorded} for one in facts], (3, 4), strict=True)
            )
        ),
    )
    assert_that(
        [row["viewcounts"] for row in tables.ledger.facts([account("to")], ["c1"])[account("to")]],
        contains_inanyorder({"k1": 3}, {"k1": 4}),
    )
    tables.ledger.add([BatchWrites("c1", "b1", [], [fact(account("from"), "o", viewcounts={"k1": 9}) | said])])
    of_both = tables.ledger.facts([account("from"), account("to")], ["c1", "c2"])
    assert_that({of: len(some) for of, some in of_both.items()}, equal_to({account("from"): 1, account("to"): 2}))
    assert_that(tables.ledger.facts([account("to")], ["c2"]), equal_to({account("to"): []}))
    assert_that(tables.ledger.facts([account("to")], []), equal_to({account("to"): []}))


def test_nothing_is_sent_where_nothing_is_to_be_written(tables: Tables) -> None:
    contents, ledger = tables.contents, tables.ledger
    with (
        mock.patch.object(contents.awaited, "_requests", None),
        mock.patch.object(ledger.awaited, "_requests", None),
    ):
        ledger.add([])
        contents.write([BatchWrites("c1", "b1", [], [])])
        ledger.add([BatchWrites("c1", "b1", [RowWrite(enrolment("a", contentid="k"))], [])])


def test_the_merge_log_has_the_accounts_into_which_an_account_was_merged(
    tables: Tables, account: Callable[[str], str]
) -> None:
    a, b, c = map(account, "abc")
    for into, mid in ((b, "LP.1"), (c, "LP.2"), (b, "LP.3")):
        tables.log.write(a, into, mid)

    assert_that(
        tables.log.rows(a),
        contains_inanyorder(has_entries(intoid=b, mid="LP.3"), has_entries(intoid=c, mid="LP.2")),
    )
    assert_that([tables.log.has(a, b), tables.log.has(b, a)], equal_to([True, False]))


def test_aggregates_are_those_of_the_courses_of_the_enrolled_account_for_each_account(
    keyspace: Keyspace, tables: Tables, account: Callable[[str], str]
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

    courses = sorted({course for course, _ in tables.enrolments.enrolled_in(a)})
    read = dict(zip((a, b), tables.aggregates.rows(a, b, courses), strict=True))

    assert_that(
        {
            of: [(row["user_id"], row["activity_id"], row["context_id"]) for row in rows]
            for of, rows in read.items()
        },
        equal_to({a: [(a, "c1", "cb:b1"), (a, "c1", "cb:b2")], b: [(b, "c1", "cb:b1")]}),
    )


# Sizes


def test_an_account_of_many_pages_is_read_and_written_whole(
    keyspace: Keyspace, tables: Tables, account: Callable[[str], str]
) -> None:
    # Pages have 500 rows; 60 batches of 100 contents go into several mutations.
    contents = [
        BatchWrites(
            "c1",
            f"b{b}",
            [
                RowWrite(enrolment(account("a"), batchid=f"b{b}", contentid=f"k{k}", viewcount=k))
                for k in range(100)
            ],
            [fact(account("a"), "o", batchid=f"b{b}", viewcounts={"k1": 1})],
        )
        for b in range(60)
    ]

    tables.ledger.add(contents)
    tables.contents.write(contents)

    (rows,) = tables.contents.parts(account("a"))
    read = map(tables.contents.columns.row, rows)
    written = {(row["batchid"], row["contentid"]): row["viewcount"] for row in read}
    assert_that(written, equal_to({(f"b{b}", f"k{k}"): k for b in range(60) for k in range(100)}))
    assert_that(rows, has_length(6_000))
    assert_that(keyspace.rows(LEDGER, userid=account("a")), has_length(60))


def test_a_large_account_is_merged_in_parts_of_whole_courses_each_read_when_it_is_asked_for(
    keyspace: Keyspace, tables: Tables, account: Callable[[str], str]
) -> None:
    # 4,800 of 6,000 rows are of courses that both have; some courses are split between the driver's pages.
    a, b, origin = account("a"), account("b"), account("origin")

    def contents(of: str, courses: int) -> list[BatchWrites]:
        return [
            BatchWrites(
                f"c{c:02}",
                "b1",
                [RowWrite(enrolment(of, f"c{c:02}", contentid=f"k{k:03}", viewcount=2)) for k in range(300)],
                [fact(of, origin, f"c{c:02}", viewcounts={"k000": 1})],
            )
            for c in range(courses)
        ]

    for some in (contents(a, 20), contents(b, 16)):
        tables.ledger.add(some)
        tables.contents.write(some)
    read = []

    for part in tables.plan(MergeContentConsumption, a, b):
        read.append(part.rows_read)
        tables.write(part)

    # Rows of both, and what their ledgers say of the origin.
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
    assert_that(tables.would_write(a, b), equal_to(False))


@pytest.mark.parametrize(
    ("groups", "made"),
    [
        ([], []),
        ([[10]], [1]),
        ([[400], [600], [5, 6]], [2, 2]),
        ([[999], [5, 5]], [1, 2]),
        ([[2_000, 10, 900], [100]], [1, 2, 1]),
        ([[300] * 7, [5]], [3, 3, 2]),
        ([[5]] * 12, [10, 2]),
        ([[5] * 8, [5] * 8], [8, 8]),
        ([[], [1_000], []], [1]),
    ],
    ids=str,
)
def test_mutations_are_bounded_and_split_a_batch_only_where_it_does_not_fit(
    groups: list[list[int]], made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "_BYTES_OF_A_MUTATION", 1_000)
    monkeypatch.setattr(statements, "_STATEMENTS_OF_A_MUTATION", 10)
    rows = [[bound(size) for size in group] for group in groups]

    chunks = list(mutations(rows))

    assert_that([len(chunk) for chunk in chunks], equal_to(made))
    assert_that(list(chain.from_iterable(chunks)), equal_to(list(chain.from_iterable(rows))))


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
    with connected(keyspace, **changes) as tables, pytest.raises(SchemaError) as refused:
        tables.check()

    assert_that(str(refused.value), contains_string(f"{variable}: {named}"))


def test_with_the_ledger_on_its_tables_are_needed(without_merge_tables: Keyspace) -> None:
    with connected(without_merge_tables) as tables:
        assert_that(calling(tables.check), raises(SchemaError, f"^merge.ledger: there is no table {LEDGER} in"))


def test_with_the_ledger_off_its_tables_need_not_exist(
    without_merge_tables: Keyspace, account: Callable[[str], str]
) -> None:
    row = enrolment(account("to"), contentid="k1")

    with connected(without_merge_tables, merge_ledger=False) as tables:
        tables.contents.write([BatchWrites("c1", "b1", [RowWrite(row)], [])])
        ((read,),) = tables.contents.parts(account("to"))
        assert_that(tables.contents.columns.row(read), has_entries(row))


def test_a_table_that_appears_later_is_found_once_the_driver_has_heard_of_it(make_keyspace: MakeKeyspace) -> None:
    keyspace = make_keyspace()
    keyspace.session.execute(f"DROP TABLE {MERGE_LOG}")

    with connected(keyspace) as tables:
        assert_that(calling(lambda: tables.log), raises(SchemaError, MERGE_LOG))
        keyspace.session.execute(
            f"CREATE TABLE {MERGE_LOG} (userid text, intoid text, mid text, merged_on timestamp,"
            " PRIMARY KEY (userid, intoid))"
        )
        deadline = time.monotonic() + 30
        while not _is_there(tables):
            assert time.monotonic() < deadline, "the table did not become known"
            time.sleep(0.1)
        assert_that(tables.log.rows("a"), empty())


def _is_there(tables: Tables) -> bool:
    try:
        return tables.log is not None
    except SchemaError:
        return False


def test_a_server_that_takes_connections_and_closes_them_is_no_cassandra(keyspace: Keyspace) -> None:
    class Close(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)

    with ThreadingTCPServer((HOST, 0), Close) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with connected(keyspace, port=server.server_address[1]) as tables:
            assert_that(calling(tables.check), raises(NoNodeError, "closed the connection"))
        server.shutdown()


def test_tables_that_were_closed_connect_again(keyspace: Keyspace) -> None:
    with connected(keyspace) as tables:
        tables.log.write("closed", "b", "LP.1")
        tables.close()
        assert_that(tables.log.has("closed", "b"), equal_to(True))


def test_more_than_a_socket_takes_at_once_is_written_and_read_whole(
    tables: Tables, account: Callable[[str], str]
) -> None:
    check_large_rows(tables, account("a"))


# What the driver does with statements


def test_all_statements_stay_known_to_the_driver_which_prepares_them_again_where_a_node_has_forgotten_them(
    keyspace: Keyspace,
) -> None:
    with connected(keyspace) as tables:
        tables.check()
        gc.collect()  # the driver refers to them only weakly

        prepared = tables.store._session._cluster._prepared_statements.values()

        assert_that(
            Counter(statement.query_string.split()[0] for statement in prepared),
            equal_to({"SELECT": 11, "INSERT": 6, "UPDATE": 2, "DELETE": 1}),
        )


def test_a_request_goes_to_where_its_first_partition_is(keyspace: Keyspace, tables: Tables) -> None:
    writes = tables.contents.awaited._insert
    aggregate = {"activity_type": "Course", "activity_id": "c1", "user_id": "a"}
    composite = tables.aggregates.awaited._update

    content = as_request([writes.bind({"userid": "a"}), writes.bind({"userid": "b"})])
    aggregated = as_request([composite.bind(aggregate)])
    theirs = BoundStatement(composite._prepared)
    theirs.bind([aggregate.get(column.name, UNSET_VALUE) for column in composite._prepared.column_metadata])

    name = keyspace.settings().keyspace
    assert_that([content.keyspace, aggregated.keyspace], only_contains(name))
    assert_that(content.routing_key, equal_to(b"a"))
    assert_that(aggregated.routing_key, equal_to(theirs.routing_key))


# Several partitions in one request


def bound(size: int) -> BoundStatement:
    statement = mock.Mock(BoundStatement)
    statement.values = [b"x" * (size - 4), UNSET_VALUE]
    return statement


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

    made = list(share_requests(partitions))

    assert_that([len(statements) for statements in made], equal_to(requests))
    assert_that(list(chain.from_iterable(made)), equal_to(list(chain.from_iterable(partitions))))


def test_aggregates_of_many_courses_are_read_and_written(
    keyspace: Keyspace, tables: Tables, account: Callable[[str], str]
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

    tables.merge(a, b)

    assert_that(
        [(row["activity_id"], row["agg"]) for row in tables.aggregates.rows(a, b, courses)[1]],
        contains_inanyorder(*((course, {"completedCount": 1}) for course in courses)),
    )
