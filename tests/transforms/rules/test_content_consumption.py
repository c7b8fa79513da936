"""Columns of user_content_consumption, and which rows are written."""

import math
from typing import Any

import pytest

from faults.memory_tables import DATES
from tests.support.content_rows import KEY, NOW, merge, new_fact, row
from transforms.rules import content_consumption
from transforms.rules.content_consumption import BatchWrites, content_rules, merge_content_consumption
from transforms.rules.rows import Pair, Row, RowWrite


def changes(from_columns: Row, to_columns: Row) -> Row:
    """What is written to a row that both have, but for the key."""
    batches = merge([row("f", **from_columns)], [row("t", **to_columns)])
    assert all(write.copied is None for batch in batches for write in batch.rows)
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
    ("from_values", "to_values", "kept"),
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
def test_progressdetails_are_those_of_the_later_access(from_values: Any, to_values: Any, kept: str) -> None:
    columns = ("last_access_time", "progressdetails")
    for one, other in ((from_values, to_values), (to_values, from_values)):
        theirs_row, own_row = dict(zip(columns, one, strict=True)), dict(zip(columns, other, strict=True))
        assert (own_row | changes(theirs_row, own_row))["progressdetails"] == kept


def test_columns_without_a_rule_keep_the_to_accounts_value_unless_it_is_null() -> None:
    assert changes({"new": 2}, {"new": 1}) == {}
    assert changes({"new": 2}, {"new": None}) == {"new": 2}
    assert changes({"new": {"x": 1}}, {"new": {}}) == {"new": {"x": 1}}


def test_a_row_that_the_to_account_does_not_have_is_copied_without_its_nulls() -> None:
    from_row = row("f", status=2, progress=None, new="x", tags=[], progressdetails="{}")
    (batch,) = merge([from_row], [])
    assert batch == BatchWrites("c", "b", [RowWrite({"userid": "t"}, copied=from_row)], [])
    assert batch.rows[0].columns() == row("t", status=2, new="x", progressdetails="{}")


def test_a_row_of_nothing_but_its_key_is_copied() -> None:
    assert merge([row("f")], []) == [BatchWrites("c", "b", [RowWrite({"userid": "t"}, copied=row("f"))], [])]


def test_nothing_is_written_where_nothing_changes() -> None:
    assert merge([row("f", status=1, viewcount=0)], [row("t", status=1, viewcount=3)]) == []
    assert merge([], [row("t", status=1)]) == []


@pytest.mark.parametrize("column", KEY)
@pytest.mark.parametrize("other", ["K", " k", "k ", "e\u0301"])
def test_ids_match_exactly(column: str, other: str) -> None:
    to_row = row("t") | {column: "\u00e9" if other == "e\u0301" else "k"}
    (batch,) = merge([row("f") | {column: other}], [to_row])
    assert [write.columns() for write in batch.rows] == [row("t") | {column: other}]


def test_batches_and_rows_come_in_the_order_of_their_keys() -> None:
    keys = [("c2", "b1", "k1"), ("c1", "b2", "k2"), ("c1", "b2", "k1"), ("c1", "b1", "k9")]
    rows = [row("f", courseid=c, batchid=b, contentid=k, viewcount=1) for c, b, k in keys]
    batches = merge(rows, [])
    assert [(b.courseid, b.batchid) for b in batches] == [("c1", "b1"), ("c1", "b2"), ("c2", "b1")]
    assert [write.columns()["contentid"] for write in batches[1].rows] == ["k1", "k2"]
    assert batches[1].facts == [new_fact("f", viewcounts={"k1": 1, "k2": 1}) | {"batchid": "b2", "courseid": "c1"}]


def test_a_large_batch_is_written_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_consumption, "_CONTENTS_A_FACT", 2)
    parts = merge([row("f", contentid=content, viewcount=1) for content in "abc"], [])
    assert [(part.batchid, len(part.rows)) for part in parts] == [("b", 2), ("b", 1)]
    assert [part.facts for part in parts] == [
        [new_fact("f", viewcounts={"a": 1, "b": 1})],
        [new_fact("f", viewcounts={"c": 1})],
    ]


def test_rows_are_written_later_than_the_counters_that_were_read() -> None:
    pair = Pair(("c", "b", "k"), row("f"), {}, (3, None), (4, None), to_written_us=900)
    ((write,),) = (
        batch.rows
        for batch in merge_content_consumption(
            "f", "t", [pair], [], [], rules=content_rules(DATES), mid="m", now=NOW, ledger=True
        )
    )
    assert [write.timestamp_us(now_us) for now_us in (800, 900, 901, 1_000)] == [901, 901, 901, 1_000]
    assert write._replace(later_than_us=2**63 - 1).timestamp_us(1_000) == 2**63 - 1
    assert RowWrite({}).timestamp_us(1_000) == 1_000
