import json
import math
from typing import Any

import pytest

from transforms.rules.activity_aggregates import merge_user_activity_aggregates
from transforms.rules.rows import Row, RowWrite

KEY = {"activity_type": "Course", "activity_id": "c", "context_id": "cb:b"}
COLUMNS = ("agg", "agg_details", "agg_last_updated", "aggregates")
NOW = 100


def row(account: str, **columns: Any) -> Row:
    return {"user_id": account} | KEY | dict.fromkeys(COLUMNS) | columns


def merge(from_rows: list[Row], to_rows: list[Row]) -> list[RowWrite]:
    return merge_user_activity_aggregates("t", from_rows, to_rows, now=NOW)


def changes(from_columns: Row, to_columns: Row) -> Row:
    """What is written to a row that both have, but for the key."""
    writes = merge([row("f", **from_columns)], [row("t", **to_columns)])
    return {
        column: value
        for write in writes
        for column, value in write.values.items()
        if column not in {"user_id", *KEY}
    }


def copy(from_columns: Row) -> Row:
    """What is written where the to account has no row, but for the key."""
    (write,) = merge([row("f", **from_columns)], [])
    return {column: value for column, value in write.values.items() if column not in {"user_id", *KEY}}


def attempt(attempt_id: str, content_id: Any = "x", **fields: Any) -> str:
    return json.dumps({"attempt_id": attempt_id, "content_id": content_id, **fields})


# The map of both, and its entries that change.
NUMBERS = [
    ({"completedCount": 3}, {"completedCount": 7}, {}),
    ({"completedCount": 7}, {"completedCount": 3}, {"completedCount": 7}),
    ({"any:other key": 2}, {"any:other key": 1}, {"any:other key": 2}),
    ({"a": 1}, {"b": 2}, {"a": 1}),
    ({"completedCount": 0}, {}, {"completedCount": 0}),
    ({"score:x": 7, "max_score:x": 8}, {"score:x": 5, "max_score:x": 10}, {"score:x": 7, "max_score:x": 8}),
    ({"score:x": 5, "max_score:x": 10}, {"score:x": 7, "max_score:x": 8}, {}),
    ({"score:x": 5, "max_score:x": 10}, {"score:x": 5, "max_score:x": 8}, {"max_score:x": 10}),
    ({"score:x": 5, "max_score:x": 8}, {"score:x": 5, "max_score:x": 10}, {}),
    ({"score:x": 0, "max_score:x": 8}, {"max_score:x": 10}, {"score:x": 0, "max_score:x": 8}),
    ({"max_score:x": 10}, {"score:x": 0, "max_score:x": 8}, {}),
    ({"score:x": 7}, {"score:x": 5, "max_score:x": 10}, {"score:x": 7}),
    ({"score:x": 5, "max_score:x": 10}, {"score:x": 7}, {"max_score:x": 10}),
    ({"max_score:x": 10}, {"max_score:x": 8}, {"max_score:x": 10}),
    ({"max_score:y": 1, "score:x": 9}, {"score:y": 1, "max_score:y": 2}, {"score:x": 9}),
    ({"attempts_count:x": 3}, {"attempts_count:x": 2}, {"attempts_count:x": 3}),
]


@pytest.mark.parametrize("column", ["aggregates", "agg"])
@pytest.mark.parametrize(("from_values", "to_values", "changed"), NUMBERS)
def test_numbers_are_joined_key_by_key_and_only_changed_entries_are_written(
    column: str, from_values: Any, to_values: Any, changed: Any
) -> None:
    expected = {column: changed, "agg_last_updated": dict.fromkeys(changed, NOW)} if changed else {}
    assert changes({column: from_values}, {column: to_values}) == expected


def test_nan_loses_like_a_null() -> None:
    assert changes({"aggregates": {"score:x": math.nan}}, {"aggregates": {"score:x": 0.0}}) == {}
    assert changes({"aggregates": {"score:x": 0.0}}, {"aggregates": {"score:x": math.nan}})["aggregates"] == {
        "score:x": 0.0
    }
    nan = {"aggregates": {"score:x": math.nan, "max_score:x": 1.0}}
    assert changes(nan, {"aggregates": {"score:x": float("nan"), "max_score:x": 1.0}}) == {}


def test_the_maps_are_joined_each_by_itself() -> None:
    from_columns = {"aggregates": {"completedCount": 3.0}, "agg": {"completedCount": 9}}
    to_columns = {"aggregates": {"completedCount": 7.0}, "agg": {"completedCount": 1}}
    assert changes(from_columns, to_columns) == {
        "agg": {"completedCount": 9},
        "agg_last_updated": {"completedCount": NOW},
    }


def test_details_are_united_and_written_whole() -> None:
    one, two = attempt("1"), attempt("2")
    assert changes({"agg_details": [two, one]}, {"agg_details": [one]}) == {"agg_details": [one, two]}
    assert changes({"agg_details": [one]}, {"agg_details": [one, two]}) == {}


COUNT = "attempts_count:x"


@pytest.mark.parametrize(("column", "kind"), [("aggregates", float), ("agg", int)])
@pytest.mark.parametrize(
    ("from_values", "to_values", "counted"),
    [
        ((1, ["1", "2"]), (1, ["2", "3"]), 3),
        ((1, ["1", "2"]), (None, ["3"]), 3),
        ((None, ["1", "2"]), (1, ["3"]), 3),
        ((9, ["1"]), (1, ["2"]), 9),
        ((1, []), (1, ["1", "2"]), 2),
        ((1, []), (2, []), None),
        ((None, ["1"]), (None, ["2"]), None),
    ],
)
def test_attempts_are_at_least_those_that_the_merged_details_tell_apart(
    column: str, kind: Any, from_values: Any, to_values: Any, counted: int | None
) -> None:
    def side(count: int | None, attempts: list[str]) -> Row:
        return {
            column: {} if count is None else {COUNT: kind(count)},
            "agg_details": [attempt(a) for a in attempts],
        }

    changed = changes(side(*from_values), side(*to_values)).get(column)
    assert changed == (None if counted is None else {COUNT: counted})
    assert changed is None or type(changed[COUNT]) is kind


def test_only_attempts_on_the_content_are_counted() -> None:
    from_details = [
        attempt("1"),
        attempt("2", "y"),
        "no JSON",
        '{"content_id": "x"}',
        attempt("3", ["x"]),
        attempt(""),
    ]
    changed = changes({"agg": {COUNT: 0, "attempts_count:z": 0}, "agg_details": from_details}, {"agg": {COUNT: 0}})
    assert changed["agg"] == {COUNT: 2, "attempts_count:z": 0}


def test_columns_without_a_rule_keep_the_to_accounts_value_unless_it_is_null() -> None:
    assert changes({"a_new_column": 2}, {"a_new_column": 1}) == {}
    assert changes({"a_new_column": 2}, {}) == {"a_new_column": 2}


# The agg_last_updated of both; its entries that change when the from account has the larger completedCount or not.
UPDATED = [
    ({}, {}, {"completedCount": NOW}, {}),
    ({"completedCount": 1}, {"completedCount": 2}, {"completedCount": NOW}, {}),
    ({"completedCount": 2}, {"completedCount": 1}, {"completedCount": NOW}, {"completedCount": 2}),
    ({"other": 2}, {"other": 1}, {"completedCount": NOW, "other": 2}, {"other": 2}),
    ({"other": 1}, {"other": 2}, {"completedCount": NOW}, {}),
    ({"other": 1}, {}, {"completedCount": NOW, "other": 1}, {"other": 1}),
    ({"completedCount": NOW + 5}, {}, {"completedCount": NOW + 5}, {"completedCount": NOW + 5}),
]


@pytest.mark.parametrize("column", ["aggregates", "agg"])
@pytest.mark.parametrize(("from_values", "to_values", "if_changed", "if_not"), UPDATED)
def test_what_changes_is_updated_now_and_the_rest_when_either_was(
    column: str, from_values: Any, to_values: Any, if_changed: Any, if_not: Any
) -> None:
    one, two = {column: {"completedCount": 1}}, {column: {"completedCount": 2}}
    updated = "agg_last_updated"
    assert changes(two | {updated: from_values}, one | {updated: to_values})[updated] == if_changed
    assert changes(one | {updated: from_values}, two | {updated: to_values}).get(updated, {}) == if_not


def test_a_copied_row_is_updated_now_in_all_its_numbers() -> None:
    from_columns = {
        "aggregates": {"completedCount": 2.0, "score:x": 1.0},
        "agg": {"other": 1},
        "agg_details": ["x"],
        "agg_last_updated": {"completedCount": 1, "gone": 1},
        "a_new_column": "y",
    }
    updated = {"completedCount": NOW, "score:x": NOW, "other": NOW, "gone": 1}
    assert copy(from_columns) == from_columns | {"agg_last_updated": updated}


def test_the_attempts_of_a_copied_row_are_counted_so_that_merging_again_changes_nothing() -> None:
    from_columns = {"aggregates": {COUNT: 1.0}, "agg_details": [attempt("1"), attempt("2")]}
    copied = copy(from_columns)
    assert copied["aggregates"] == {COUNT: 2.0}
    assert changes(from_columns, copied) == {}


@pytest.mark.parametrize(
    ("agg", "completed"),
    [({"completedCount": 2}, 2.0), ({"other": 2}, 0.0), ({}, 0.0), (None, 0.0)],
)
@pytest.mark.parametrize("aggregates", [None, {}])
def test_a_legacy_row_is_copied_with_aggregates(aggregates: Any, agg: Any, completed: float) -> None:
    copied = copy({"agg": agg, "aggregates": aggregates})
    assert copied["aggregates"] == {"completedCount": completed}
    assert type(copied["aggregates"]["completedCount"]) is float
    assert copied.get("agg") == (agg or None)
    assert copied["agg_last_updated"]["completedCount"] == NOW


def test_a_legacy_row_of_the_to_account_stays_without_aggregates() -> None:
    assert changes({"agg": {"completedCount": 1}}, {"agg": {"completedCount": 2}}) == {}


@pytest.mark.parametrize("column", KEY)
def test_rows_are_matched_by_their_exact_key(column: str) -> None:
    to_row = row("t", aggregates={"completedCount": 9.0})
    (write,) = merge([row("f", aggregates={"completedCount": 1.0}) | {column: "Another"}], [to_row])
    assert write.values[column] == "Another"
    assert write.values["aggregates"] == {"completedCount": 1.0}


def test_rows_of_many_courses_come_in_the_order_of_their_keys() -> None:
    keys = [("c2", "cb:1"), ("c1", "cb:2"), ("c1", "cb:1")]
    rows = [row("f", activity_id=course, context_id=context) for course, context in keys]
    writes = merge(rows, [row("t", activity_id="c9")])
    assert [(w.values["activity_id"], w.values["context_id"]) for w in writes] == sorted(keys)
