"""The command `verify` on a real Cassandra: what is merged is right, and whatever is damaged is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hamcrest import (
    all_of,
    assert_that,
    contains_exactly,
    contains_inanyorder,
    contains_string,
    empty,
    equal_to,
    has_entries,
    has_item,
    has_properties,
)

from faults.keyspaces import Keyspace
from faults.memory_tables import (
    ACTIVITY_AGG,
    ASSESSMENTS,
    CONTENT_CONSUMPTION,
    ENROLMENTS,
    KEYS,
    LEDGER,
    MERGE_LOG,
)
from pipeline.operators.verify import verifying
from pipeline.operators.verify.judge import judge_counts, judge_rows
from tests.support.commands import Operator
from tests.support.tables import Tables
from transforms.store.event_loop import wait_for
from transforms.store.merge_history import HISTORY_TABLE

T = datetime.fromisoformat("2026-03-01T10:00:00")
BATCH = {"courseid": "c", "batchid": "b"}
ATTEMPT = {"course_id": "c", "batch_id": "b", "content_id": "k", "attempt_id": "1"}
AGGREGATE = {"activity_type": "Course", "activity_id": "c", "context_id": "cb:b"}
QUESTION = "[{id: 'q1', title: 'What is it?', score: 1.0}]"

FROM: dict[str, dict[str, Any]] = {
    CONTENT_CONSUMPTION: {
        **dict.fromkeys(("status", "progress"), 2),
        **dict.fromkeys(("viewcount", "completedcount"), 3),
        **dict.fromkeys(("datetime", "last_access_time", "last_completed_time", "last_updated_time"), T),
        **dict.fromkeys(("lastaccesstime", "lastcompletedtime", "lastupdatedtime"), "2026-03-01T10:00:00Z"),
        "completionpercentage": 100.0,
        "progressdetails": "{}",
    },
    ENROLMENTS: {
        **dict.fromkeys(("status", "progress", "completionpercentage", "certstatus", "lastreadcontentstatus"), 2),
        **dict.fromkeys(("completedon", "enrolled_date", "datetime", "lastcontentaccesstime"), T),
        "certificates": [{"identifier": "x"}],
        "issued_certificates": [{"identifier": "x"}],
        "active": True,
        "addedby": "self",
        "contentstatus": {"k": 2},
        "lastreadcontentid": "k",
        "enrolleddate": "2026-03-01T10:00:00Z",
    },
    ACTIVITY_AGG: {
        "agg": {"completedCount": 2},
        "aggregates": {"completedCount": 2.0, "score:k": 1.0, "max_score:k": 2.0},
        "agg_details": [json.dumps({"attempt_id": "1", "content_id": "k"})],
        "agg_last_updated": {"completedCount": T},
    },
    ASSESSMENTS: {
        **dict.fromkeys(("total_score", "total_max_score"), 1.0),
        **dict.fromkeys(("created_on", "last_attempted_on", "updated_on"), T),
        "grand_total": "1/1",
    },
}
"""A value in each column, in the account that is merged; what the primary has before is less."""


def rows_of(account: str) -> dict[str, list[dict[str, Any]]]:
    content = {"userid": account, **BATCH}
    return {
        CONTENT_CONSUMPTION: [content | {"contentid": k} | FROM[CONTENT_CONSUMPTION] for k in ("k", "copied")],
        ENROLMENTS: [{"userid": account, **BATCH} | FROM[ENROLMENTS]],
        ACTIVITY_AGG: [{"user_id": account, **AGGREGATE} | FROM[ACTIVITY_AGG]],
        ASSESSMENTS: [{"user_id": account, **ATTEMPT} | FROM[ASSESSMENTS]],
    }


@pytest.fixture(scope="module")
def tables(keyspace: Keyspace) -> Iterator[Tables]:
    """a, in which each column has a value, is merged into b, as the job does."""
    made = Tables(keyspace.settings())
    keyspace.insert(rows_of("a"))
    question = f"UPDATE {ASSESSMENTS} SET question = {QUESTION} WHERE user_id = 'a' AND "
    keyspace.session.execute(question + " AND ".join(f"{column} = '{value}'" for column, value in ATTEMPT.items()))
    keyspace.insert(
        {CONTENT_CONSUMPTION: [{"userid": "b", **BATCH, "contentid": "k", "viewcount": 2, "status": 1}]}
    )
    made.log.write("a", "b", "LP.a-b")
    made.merge("a", "b")
    event = {"userid": "b", "fromid": "a", "mid": "LP.a-b", "outcome": "merged", "cause": "event", "path": []}
    (logged,) = keyspace.rows(MERGE_LOG, userid="a")
    event |= {"source": "t-0-0", "started_on": logged["merged_on"], "ended_on": logged["merged_on"]}
    keyspace.insert({HISTORY_TABLE: [event | {"requests": 1, "followups": 0}]})
    yield made
    made.close()


@pytest.fixture
def operator(tables: Tables, keyspace: Keyspace, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(keyspace, capsys)


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No job runs here."""
    monkeypatch.setattr(verifying, "_SETTLED_S", 0)


def judge(tables: Tables) -> list[Any]:
    return [*wait_for(judge_rows(tables.merging, "a", "b")), *wait_for(judge_counts(tables.merging, "b"))]


def damaged(keyspace: Keyspace, table: str, what: str, row: dict[str, Any]) -> None:
    """Delete a column of a row, or all of it."""
    where = " AND ".join(f"{column} = %s" for column in KEYS[table])
    keyspace.session.execute(f"DELETE {what} FROM {table} WHERE {where}", [row[column] for column in KEYS[table]])


@pytest.mark.parametrize("table", FROM)
def test_every_column_that_is_damaged_is_found_and_mended_by_merging_again(
    table: str, tables: Tables, keyspace: Keyspace
) -> None:
    columns = keyspace.rows(table)[0].keys()
    judged = sorted(columns - {*KEYS[table]})
    account = "user_id" if "user_id" in columns else "userid"
    assert_that(judge(tables), empty())
    for row in [row for row in keyspace.rows(table) if row[account] == "b"]:
        key = {column: row[column] for column in KEYS[table] if row[column] != "b"}
        for column in judged:
            damaged(keyspace, table, column, row)

            of_column = has_properties(account="b", table=table, column=column, key=has_entries(key))
            assert_that(judge(tables), has_item(of_column))
            tables.merge("a", "b")
            assert_that(judge(tables), empty())
        damaged(keyspace, table, "", row)
        assert_that(judge(tables), has_item(has_properties(account="b", table=table, column="")))
        tables.merge("a", "b")
        assert_that(judge(tables), empty())


def test_a_number_that_became_smaller_is_found(tables: Tables, keyspace: Keyspace) -> None:
    for table, column, smaller in (
        (CONTENT_CONSUMPTION, "viewcount", 4),
        (CONTENT_CONSUMPTION, "status", 1),
        (ENROLMENTS, "progress", 1),
        (ACTIVITY_AGG, "aggregates", {"completedCount": 1.0}),
    ):
        account = "user_id" if table == ACTIVITY_AGG else "userid"
        row = {column: value for column, value in rows_of("b")[table][0].items() if column in KEYS[table]}
        keyspace.insert({table: [row | {column: smaller}]})

        assert_that(judge(tables), has_item(has_properties(table=table, column=column)), f"{account} {column}")
        tables.merge("a", "b")
        assert_that(judge(tables), empty())


def test_a_fact_that_is_gone_is_found(tables: Tables, keyspace: Keyspace) -> None:
    (fact,) = [row for row in keyspace.rows(LEDGER) if row["originid"] == "a"]
    damaged(keyspace, LEDGER, "", fact)

    assert_that(judge(tables), has_item(has_properties(table=LEDGER, key=has_entries(originid="a"))))
    tables.merge("a", "b")
    assert_that(judge(tables), empty())


def test_counts_alone_are_found_where_the_other_account_has_no_row_any_more(
    tables: Tables, keyspace: Keyspace
) -> None:
    content = rows_of("b")[CONTENT_CONSUMPTION][1]
    others = content.keys() - {*KEYS[CONTENT_CONSUMPTION], "viewcount", "completedcount"}
    damaged(keyspace, CONTENT_CONSUMPTION, ", ".join(others), content)
    damaged(keyspace, CONTENT_CONSUMPTION, "", content | {"userid": "a"})

    found = has_properties(account="b", column="viewcount", problem=contains_string("nothing but counts"))
    assert_that(judge(tables), contains_exactly(found))
    keyspace.insert({CONTENT_CONSUMPTION: [content | {"userid": "a"}]})
    tables.merge("a", "b")
    assert_that(judge(tables), empty())


def test_a_merge_that_is_right_is_a_yes(operator: Operator) -> None:
    for asked in (["--from=a", "--to=b"], ["--account=a"], ["--account=b"]):
        told = operator.run("verify", *asked)
        assert_that(told, contains_exactly(0, "1 merge judged: all is as it should be\n", ""))


def test_what_is_not_right_is_told_by_row_and_column(
    operator: Operator, tables: Tables, keyspace: Keyspace
) -> None:
    (enrolment,) = [row for row in keyspace.rows(ENROLMENTS) if row["userid"] == "b"]
    damaged(keyspace, ENROLMENTS, "status, addedby", enrolment)
    (logged,) = keyspace.rows(MERGE_LOG, userid="a")
    keyspace.session.execute(f"DELETE FROM {HISTORY_TABLE} WHERE userid = 'b'")
    try:
        told, as_json = (
            operator.run("verify", "--account=b"),
            operator.run("verify", "--account=b", "--format=json"),
        )
    finally:
        tables.merge("a", "b")
        event = {"userid": "b", "fromid": "a", "mid": "LP.a-b", "outcome": "merged", "path": []}
        keyspace.insert({HISTORY_TABLE: [event | {"ended_on": logged["merged_on"], "source": "t-0-0"}]})

    assert told.exit_code == 1
    assert (
        told.output
        == """\
a → b
├── user_merge_history
│   └── outcome is not there: no event has ended since the merge began
└── user_enrolments c b
    ├── addedby is not there; merging again makes it self
    └── status is not there; merging again makes it 2
1 merge judged: 3 things not as they should be
"""
    )
    assert_that(
        as_json.json["findings"],
        contains_inanyorder(
            has_entries(account="b", from_account="a", table=HISTORY_TABLE, column="outcome"),
            has_entries(table=ENROLMENTS, column="addedby", key={"courseid": "c", "batchid": "b"}),
            has_entries(table=ENROLMENTS, column="status"),
        ),
    )
    assert_that(as_json.json, has_entries(format_version=1, merges=1, events=None, repaired=0))


def test_a_merge_that_nobody_asked_for_is_a_no(operator: Operator) -> None:
    told = operator.run("verify", "--from=b", "--to=c")

    assert_that((told.exit_code, told.output), contains_exactly(1, contains_string("has no row of this merge")))


def test_a_merge_that_nobody_asked_for_is_not_made_by_a_repair(operator: Operator) -> None:
    told = operator.run("verify", "--from=b", "--to=a", "--repair")

    assert_that((told.exit_code, told.output), contains_exactly(1, contains_string("has no row of this merge")))
    assert_that(told.errors, contains_string("Nothing is repaired: neither the log nor the history knows"))


def test_an_account_of_which_no_merge_is_known_is_a_no(operator: Operator) -> None:
    told = operator.run("verify", "--account=z")

    assert_that(
        (told.exit_code, told.output), contains_exactly(1, contains_string("has no merge of this account"))
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "Give --from and --to, or --account, or --topic"),
        (["--from=a"], "Give --from and --to"),
        (["--from=a", "--to=b", "--account=a"], "Give --from and --to"),
        (["--from=a", "--to=a"], "--from and --to are the same account"),
        (["--account=a", "--since=1h"], "--since is for --topic only"),
        (["--topic", "--since=soon"], "--since is 'soon': give a duration before now"),
        (["--account=a", "--merge_ledger=off"], "merge.ledger is off"),
        (["--account=a", "--repair", "--history_ttl_days=0"], "--repair needs the history"),
    ],
)
def test_what_is_not_clear_is_refused(options: list[str], told: str, operator: Operator) -> None:
    ran = operator.run("verify", *options)

    assert_that((ran.exit_code, ran.errors), all_of(contains_exactly(2, contains_string(told))))


def test_without_a_history_rows_are_judged_all_the_same(operator: Operator) -> None:
    assert_that(operator.run("verify", "--account=b", "--history_ttl_days=0").exit_code, equal_to(0))
