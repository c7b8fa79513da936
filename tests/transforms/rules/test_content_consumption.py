import math
from typing import Any

import pytest

from tests.memory_tables import CONTENT_CONSUMPTION, DATES, LEDGER, MemoryTables, merge_event
from transforms.rules.content_consumption import (
    COUNTERS,
    MAX_INT,
    BatchWrites,
    content_rules,
    merge_content_consumption,
)
from transforms.rules.rows import Row, RowWrite

KEY = {"courseid": "c", "batchid": "b", "contentid": "k"}
NOW = 100


def row(account: str, **columns: Any) -> Row:
    return {"userid": account} | KEY | columns


def entries(account: str, origin: str, **columns: Any) -> Row:
    return {"userid": account, "courseid": "c", "batchid": "b", "originid": origin} | columns


def merge(
    from_rows: list[Row],
    to_rows: list[Row],
    from_ledger: list[Row] | None = None,
    to_ledger: list[Row] | None = None,
    *,
    ledger: bool = True,
) -> list[BatchWrites]:
    pairs = content_rules(DATES).pairs(from_rows, to_rows, COUNTERS)
    return merge_content_consumption(
        "f", "t", pairs, from_ledger or [], to_ledger or [], dates=DATES, now=NOW, ledger=ledger
    )


def changes(theirs: Row, own: Row) -> Row:
    """What is written to a row that both have, but for the key."""
    batches = merge([row("f", **theirs)], [row("t", **own)])
    assert not any(write.copied for batch in batches for write in batch.rows)
    return {
        c: v for batch in batches for write in batch.rows for c, v in write.values.items() if c not in row("t")
    }


OLD_TEXT, NEW_TEXT = "2022-03-01 12:00:00:000+0530", "2022-03-01T10:00:00Z"
# Column, the lesser value, the better value.
RULES = [
    *((column, 1, 2) for column in ("status", "progress")),
    ("completionpercentage", 33.3, 66.6),
    ("completionpercentage", math.nan, 0.0),
    *((c, 1, 2) for c in ("datetime", "last_access_time", "last_completed_time", "last_updated_time")),
    *((column, OLD_TEXT, NEW_TEXT) for column in ("lastaccesstime", "lastcompletedtime", "lastupdatedtime")),
    ("lastaccesstime", "not a date", OLD_TEXT),
]


@pytest.mark.parametrize(("column", "lesser", "better"), RULES)
def test_the_better_value_is_kept_and_written_only_if_it_is_new(column: str, lesser: Any, better: Any) -> None:
    assert changes({column: better}, {column: lesser}) == {column: better}
    assert changes({column: lesser}, {column: better}) == {}
    assert changes({column: better}, {column: better}) == {}


@pytest.mark.parametrize(("column", "value", "_"), RULES)
def test_null_loses_to_anything(column: str, value: Any, _: Any) -> None:
    assert changes({column: value}, {column: None}) == {column: value}
    assert changes({column: value}, {}) == {column: value}
    assert changes({column: None}, {column: value}) == {}


@pytest.mark.parametrize(
    ("theirs", "own", "kept"),
    [
        ((2, "a"), (1, "b"), "a"),
        ((1, "b"), (2, "a"), "a"),
        ((1, "a"), (1, "b"), "b"),
        ((None, "a"), (None, "b"), "b"),
        ((None, "b"), (1, "a"), "a"),
        ((2, None), (1, "b"), "b"),
        ((None, "a"), (2, None), "a"),
    ],
)
def test_progressdetails_are_those_of_the_later_access(theirs: Any, own: Any, kept: str) -> None:
    columns = ("last_access_time", "progressdetails")
    for one, other in ((theirs, own), (own, theirs)):
        theirs_row, own_row = dict(zip(columns, one, strict=True)), dict(zip(columns, other, strict=True))
        assert (own_row | changes(theirs_row, own_row))["progressdetails"] == kept


def test_columns_without_a_rule_keep_the_primarys_value_unless_it_is_null() -> None:
    assert changes({"new": 2}, {"new": 1}) == {}
    assert changes({"new": 2}, {"new": None}) == {"new": 2}
    assert changes({"new": {"x": 1}}, {"new": {}}) == {"new": {"x": 1}}


def test_a_row_that_the_to_account_does_not_have_is_copied_without_its_nulls() -> None:
    (batch,) = merge([row("f", status=2, progress=None, new="x", tags=[], progressdetails="{}")], [])
    assert batch == BatchWrites("c", "b", [RowWrite(True, row("t", status=2, new="x", progressdetails="{}"))], [])


def test_a_row_of_nothing_but_its_key_is_copied() -> None:
    assert merge([row("f")], []) == [BatchWrites("c", "b", [RowWrite(True, row("t"))], [])]


def test_nothing_is_written_where_nothing_changes() -> None:
    assert merge([row("f", status=1, viewcount=0)], [row("t", status=1, viewcount=3)]) == []
    assert merge([], [row("t", status=1)]) == []


@pytest.mark.parametrize("column", KEY)
@pytest.mark.parametrize("other", ["K", " k", "k ", "e\u0301"])
def test_ids_match_exactly(column: str, other: str) -> None:
    own = row("t") | {column: "\u00e9" if other == "e\u0301" else "k"}
    (batch,) = merge([row("f") | {column: other}], [own])
    assert batch.rows == [RowWrite(True, row("t") | {column: other})]


def test_batches_and_rows_come_in_the_order_of_their_keys() -> None:
    keys = [("c2", "b1", "k1"), ("c1", "b2", "k2"), ("c1", "b2", "k1"), ("c1", "b1", "k9")]
    rows = [row("f", courseid=c, batchid=b, contentid=k, viewcount=1) for c, b, k in keys]
    batches = merge(rows, [])
    assert [(b.courseid, b.batchid) for b in batches] == [("c1", "b1"), ("c1", "b2"), ("c2", "b1")]
    assert [write.values["contentid"] for write in batches[1].rows] == ["k1", "k2"]
    assert batches[1].ledger == [
        entries("t", "f", viewcounts={"k1": 1, "k2": 1}, updated_on=NOW) | {"batchid": "b2", "courseid": "c1"}
    ]


# What both count, and what the to account counts then.
SUMS = [(3, 4, 7), (0, 4, 4), (3, 0, 3), (3, None, 3), (0, None, 0), (None, 4, 4), (None, None, None)]


@pytest.mark.parametrize("counter", ["viewcount", "completedcount"])
@pytest.mark.parametrize("ledger", [True, False])
@pytest.mark.parametrize(("theirs", "own", "total"), SUMS)
def test_counts_are_summed(counter: str, ledger: bool, theirs: Any, own: Any, total: Any) -> None:
    batches = merge([row("f", **{counter: theirs})], [row("t", **{counter: own})], ledger=ledger)
    written = batches[0].rows[0].values[counter] if batches else own
    assert written == total


@pytest.mark.parametrize("ledger", [True, False])
@pytest.mark.parametrize("theirs", [3, 0, None])
def test_a_copied_row_counts_what_was_added(ledger: bool, theirs: Any) -> None:
    ((write,),) = [batch.rows for batch in merge([row("f", viewcount=theirs)], [], ledger=ledger)]
    assert write == RowWrite(True, row("t") if theirs is None else row("t", viewcount=theirs))


@pytest.mark.parametrize("ledger", [True, False])
def test_sums_stop_at_the_largest_int(ledger: bool) -> None:
    batches = merge([row("f", viewcount=2)], [row("t", viewcount=MAX_INT - 1)], ledger=ledger)
    assert batches[0].rows[0].values["viewcount"] == MAX_INT
    assert merge([row("f", viewcount=2)], [row("t", viewcount=MAX_INT)], ledger=False) == []


def test_the_ledger_says_which_origin_contributed_how_much() -> None:
    (batch,) = merge([row("f", viewcount=3, completedcount=1)], [row("t", viewcount=4)])
    assert batch.ledger == [entries("t", "f", viewcounts={"k": 3}, completedcounts={"k": 1}, updated_on=NOW)]


def test_without_the_ledger_nothing_is_written_to_it_and_each_merge_adds_again() -> None:
    tables = MemoryTables({CONTENT_CONSUMPTION: [row("f", viewcount=3), row("t", viewcount=4)]}, ledger=False)
    tables.merge_all([merge_event("f", "t")] * 2)
    assert tables.read(CONTENT_CONSUMPTION, "t") == [row("t", viewcount=10)]
    assert tables.read(LEDGER, "t") == []


def test_entries_of_zero_are_not_stored() -> None:
    (batch,) = merge([row("f", viewcount=0, completedcount=1)], [])
    assert batch.ledger == [entries("t", "f", completedcounts={"k": 1}, updated_on=NOW)]


def test_the_from_account_counts_for_what_others_did_not_contribute_to_it() -> None:
    (batch,) = merge([row("f", viewcount=10)], [], [entries("f", "a", viewcounts={"k": 4, "other": 9})])
    assert batch.rows == [RowWrite(True, row("t", viewcount=10))]
    assert batch.ledger == [
        entries("t", "a", viewcounts={"k": 4}, updated_on=NOW),
        entries("t", "f", viewcounts={"k": 6}, updated_on=NOW),
    ]


def test_the_from_account_counts_for_nothing_where_others_contributed_more_than_its_total() -> None:
    (batch,) = merge([row("f", viewcount=3)], [], [entries("f", "a", viewcounts={"k": 4})])
    assert batch.rows == [RowWrite(True, row("t", viewcount=4))]
    assert batch.ledger == [entries("t", "a", viewcounts={"k": 4}, updated_on=NOW)]


def test_what_came_from_the_to_account_itself_is_not_added() -> None:
    (batch,) = merge([row("f", viewcount=10)], [row("t", viewcount=4)], [entries("f", "t", viewcounts={"k": 4})])
    assert batch.rows == [RowWrite(False, row("t", viewcount=10))]
    assert batch.ledger == [entries("t", "f", viewcounts={"k": 6}, updated_on=NOW)]


def test_only_what_is_new_is_added_when_accounts_are_merged_again() -> None:
    own_ledger = [entries("t", "f", viewcounts={"k": 3, "other": 1}, completedcounts={"k": 5})]
    (batch,) = merge([row("f", viewcount=4, completedcount=2)], [row("t", viewcount=10)], [], own_ledger)
    assert batch.rows == [RowWrite(False, row("t", viewcount=11, completedcount=0))]
    # The maps are frozen: they are written whole.
    assert batch.ledger == [
        entries("t", "f", viewcounts={"k": 4, "other": 1}, completedcounts={"k": 5}, updated_on=NOW)
    ]


def test_a_larger_entry_of_the_to_account_stays() -> None:
    own_ledger = [entries("t", "f", viewcounts={"k": 9})]
    assert merge([row("f", viewcount=4)], [row("t", viewcount=10)], [], own_ledger) == []


def test_only_ledger_rows_that_change_are_written() -> None:
    from_ledger = [entries("f", "a", viewcounts={"k": 1}), entries("f", "b", viewcounts={"k": 2})]
    own_ledger = [entries("t", "a", viewcounts={"k": 1}), entries("t", "f", viewcounts={"k": 7})]
    (batch,) = merge([row("f", viewcount=10)], [row("t", viewcount=8)], from_ledger, own_ledger)
    assert [ledger_row["originid"] for ledger_row in batch.ledger] == ["b"]
    assert batch.rows == [RowWrite(False, row("t", viewcount=10))]


@pytest.mark.parametrize("empty", [None, {}])
def test_a_ledger_map_may_be_null(empty: Any) -> None:
    from_ledger = [entries("f", "a", viewcounts=empty, completedcounts={"k": 1})]
    own_ledger = [entries("t", "a", viewcounts={"k": 1}, completedcounts=empty)]
    (batch,) = merge([row("f", completedcount=1)], [row("t", viewcount=1)], from_ledger, own_ledger)
    assert batch.ledger == [entries("t", "a", viewcounts={"k": 1}, completedcounts={"k": 1}, updated_on=NOW)]


def test_entries_of_contents_that_the_from_account_has_no_row_of_are_ignored() -> None:
    assert merge([], [], [entries("f", "a", viewcounts={"k": 1})]) == []


def test_ledger_entries_are_kept_apart_by_course_batch() -> None:
    from_ledger = [entries("f", "a", viewcounts={"k": 4}) | {"batchid": "another"}]
    (batch,) = merge([row("f", viewcount=4)], [], from_ledger)
    assert [ledger_row["originid"] for ledger_row in batch.ledger] == ["f"]


def _views(tables: MemoryTables) -> dict[str, int]:
    return {each["userid"]: each["viewcount"] for each in tables.export()[CONTENT_CONSUMPTION]}


def test_merging_both_ways_again_and_again_does_not_blow_up() -> None:
    tables = MemoryTables({CONTENT_CONSUMPTION: [row("a", viewcount=3), row("b", viewcount=4)]})
    tables.merge_all([merge_event("a", "b"), merge_event("b", "a")] * 3)
    assert _views(tables) == {"a": 7, "b": 7}


def test_views_between_two_merges_are_added_once() -> None:
    tables = MemoryTables({CONTENT_CONSUMPTION: [row("a", viewcount=3), row("b", viewcount=4)]})
    tables.merge(merge_event("a", "b"))
    tables.write(CONTENT_CONSUMPTION, row("a", viewcount=5))
    tables.write(CONTENT_CONSUMPTION, row("b", viewcount=8))  # 7 and a view of its own
    tables.merge_all([merge_event("a", "b")] * 2)
    assert _views(tables) == {"a": 5, "b": 10}


def test_late_history_follows() -> None:
    rows = [row("a", viewcount=1), row("b", viewcount=2), row("c", viewcount=4)]
    tables = MemoryTables({CONTENT_CONSUMPTION: rows})
    tables.merge_all([merge_event("b", "c"), merge_event("a", "b")])
    assert _views(tables) == {"a": 1, "b": 3, "c": 7}
