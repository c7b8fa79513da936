import json
import math
from typing import Any

import pytest

from transforms.rules.activity_aggregates import merge_user_activity_aggregates
from transforms.rules.rows import Row, RowWrite

KEY = {"activity_type": "Course", "activity_id": "c", "context_id": "cb:b"}
NOW = 100


def row(account: str, **columns: Any) -> Row:
    return {"user_id": account} | KEY | columns


def merge(from_rows: list[Row], to_rows: list[Row]) -> list[RowWrite]:
    return merge_user_activity_aggregates("t", from_rows, to_rows, now=NOW)


def changes(theirs: Row, own: Row) -> Row:
    """What is written to a row that both have, but for the key."""
    writes = merge([row("f", **theirs)], [row("t", **own)])
    assert not any(write.copied for write in writes)
    return {column: value for write in writes for column, value in write.values.items() if column not in row("t")}


def copy(theirs: Row) -> Row:
    """What is written where the to account has no row, but for the key."""
    (write,) = merge([row("f", **theirs)], [])
    assert write.copied
    return {column: value for column, value in write.values.items() if column not in row("t")}


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
@pytest.mark.parametrize(("theirs", "own", "changed"), NUMBERS)
def test_numbers_are_joined_key_by_key_and_only_changed_entries_are_written(
    column: str, theirs: Any, own: Any, changed: Any
) -> None:
    expected = {column: changed, "agg_last_updated": dict.fromkeys(changed, NOW)} if changed else {}
    assert changes({column: theirs}, {column: own}) == expected


def test_nan_loses_like_a_null() -> None:
    assert changes({"aggregates": {"score:x": math.nan}}, {"aggregates": {"score:x": 0.0}}) == {}
    assert changes({"aggregates": {"score:x": 0.0}}, {"aggregates": {"score:x": math.nan}})["aggregates"] == {
        "score:x": 0.0
    }
    nan = {"aggregates": {"score:x": math.nan, "max_score:x": 1.0}}
    assert changes(nan, {"aggregates": {"score:x": float("nan"), "max_score:x": 1.0}}) == {}


def test_the_maps_are_joined_each_by_itself() -> None:
    theirs = {"aggregates": {"completedCount": 3.0}, "agg": {"completedCount": 9}}
    own = {"aggregates": {"completedCount": 7.0}, "agg": {"completedCount": 1}}
    assert changes(theirs, own) == {"agg": {"completedCount": 9}, "agg_last_updated": {"completedCount": NOW}}


EARLY, LATE = attempt("1", last_attempted_on=9, score=2), attempt("1", last_attempted_on=10, score=1)
NO_TIME, TEXT_TIME = attempt("1", score=9), attempt("1", last_attempted_on="99", score=8)
LOW, HIGH, FLAG = attempt("1", score=9), attempt("1", score=10), attempt("1", score=True)
TWO = attempt("2")
DEEP = "[" * 100_000

# agg_details of both, and their union where it differs from the primary's.
DETAILS = [
    ([TWO, EARLY], [EARLY], [EARLY, TWO]),
    ([TWO], [EARLY, TWO], None),
    ([LATE], [EARLY, TWO], [LATE, TWO]),
    ([EARLY], [LATE, TWO], None),
    ([EARLY], [NO_TIME], [EARLY]),
    ([NO_TIME], [TEXT_TIME], [NO_TIME]),
    ([TEXT_TIME], [NO_TIME], None),
    ([HIGH], [LOW], [HIGH]),
    ([LOW], [FLAG], [LOW]),
    ([attempt("1", "y")], [attempt("1", "x")], [attempt("1", "y")]),
    ([attempt("A")], [attempt("a")], [attempt("a"), attempt("A")]),
    (["x", "y"], ["y"], ["y", "x"]),
    (['{"a": 1}'], ['{"a":1}'], ['{"a":1}', '{"a": 1}']),
    (["1"], [EARLY], [EARLY, "1"]),
    (['{"attempt_id": 1}'], ['{"attempt_id": 1, "a": 2}'], ['{"attempt_id": 1, "a": 2}', '{"attempt_id": 1}']),
    (['["attempt_id"]', "NaN", DEEP], ["null"], ["null", '["attempt_id"]', "NaN", DEEP]),
    ([EARLY], [], [EARLY]),
    ([], [EARLY], None),
]


@pytest.mark.parametrize(("theirs", "own", "union"), DETAILS, ids=range(len(DETAILS)))
def test_details_are_united_by_attempt_id(theirs: Any, own: Any, union: Any) -> None:
    expected = {} if union is None else {"agg_details": union}
    assert changes({"agg_details": theirs}, {"agg_details": own}) == expected


@pytest.mark.parametrize(("theirs", "own", "union"), DETAILS, ids=range(len(DETAILS)))
def test_the_union_has_the_same_details_whichever_side_comes_first(theirs: Any, own: Any, union: Any) -> None:
    swapped = changes({"agg_details": own}, {"agg_details": theirs}).get("agg_details", theirs)
    assert set(swapped) == set(own if union is None else union)


COUNT = "attempts_count:x"


@pytest.mark.parametrize(("column", "kind"), [("aggregates", float), ("agg", int)])
@pytest.mark.parametrize(
    ("theirs", "own", "counted"),
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
    column: str, kind: Any, theirs: Any, own: Any, counted: int | None
) -> None:
    def side(count: int | None, attempts: list[str]) -> Row:
        return {
            column: {} if count is None else {COUNT: kind(count)},
            "agg_details": [attempt(a) for a in attempts],
        }

    changed = changes(side(*theirs), side(*own)).get(column)
    assert changed == (None if counted is None else {COUNT: counted})
    assert changed is None or type(changed[COUNT]) is kind


def test_only_attempts_on_the_content_are_counted() -> None:
    theirs = [attempt("1"), attempt("2", "y"), "no JSON", '{"content_id": "x"}', attempt("3", ["x"]), attempt("")]
    changed = changes({"agg": {COUNT: 0, "attempts_count:z": 0}, "agg_details": theirs}, {"agg": {COUNT: 0}})
    assert changed["agg"] == {COUNT: 2, "attempts_count:z": 0}


def test_columns_without_a_rule_keep_the_primarys_value_unless_it_is_null() -> None:
    assert changes({"a_new_column": 2}, {"a_new_column": 1}) == {}
    assert changes({"a_new_column": 2}, {}) == {"a_new_column": 2}


# The agg_last_updated of both, and its entries that change when theirs is the larger completedCount, or not.
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
@pytest.mark.parametrize(("theirs", "own", "if_changed", "if_not"), UPDATED)
def test_what_changes_is_updated_now_and_the_rest_when_either_was(
    column: str, theirs: Any, own: Any, if_changed: Any, if_not: Any
) -> None:
    one, two = {column: {"completedCount": 1}}, {column: {"completedCount": 2}}
    updated = "agg_last_updated"
    assert changes(two | {updated: theirs}, one | {updated: own})[updated] == if_changed
    assert changes(one | {updated: theirs}, two | {updated: own}).get(updated, {}) == if_not


def test_a_copied_row_is_updated_now_in_all_its_numbers() -> None:
    theirs = {
        "aggregates": {"completedCount": 2.0, "score:x": 1.0},
        "agg": {"other": 1},
        "agg_details": ["x"],
        "agg_last_updated": {"completedCount": 1, "gone": 1},
        "a_new_column": "y",
    }
    updated = {"completedCount": NOW, "score:x": NOW, "other": NOW, "gone": 1}
    assert copy(theirs) == theirs | {"agg_last_updated": updated}


def test_the_attempts_of_a_copied_row_are_counted_so_that_merging_again_changes_nothing() -> None:
    theirs = {"aggregates": {COUNT: 1.0}, "agg_details": [attempt("1"), attempt("2")]}
    copied = copy(theirs)
    assert copied["aggregates"] == {COUNT: 2.0}
    assert changes(theirs, copied) == {}


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


def test_a_legacy_row_of_the_primary_stays_without_aggregates() -> None:
    assert changes({"agg": {"completedCount": 1}}, {"agg": {"completedCount": 2}}) == {}


@pytest.mark.parametrize("column", KEY)
def test_rows_are_matched_by_their_exact_key(column: str) -> None:
    own = row("t", aggregates={"completedCount": 9.0})
    (write,) = merge([row("f", aggregates={"completedCount": 1.0}) | {column: "Another"}], [own])
    assert write.copied
    assert write.values[column] == "Another"


def test_rows_of_many_courses_come_in_the_order_of_their_keys() -> None:
    keys = [("c2", "cb:1"), ("c1", "cb:2"), ("c1", "cb:1")]
    rows = [row("f", activity_id=course, context_id=context) for course, context in keys]
    writes = merge(rows, [row("t", activity_id="c9")])
    assert [(w.values["activity_id"], w.values["context_id"]) for w in writes] == sorted(keys)
