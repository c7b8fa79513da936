"""user_activity_agg by what the platform's readers see: agg overlaid by aggregates."""

import json
import math
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.rules.activity_aggregates import merge_user_activity_aggregates, what_readers_see
from transforms.rules.rows import Row

_KEY = {"activity_type": "Course", "activity_id": "c", "context_id": "cb:b"}
_COLUMNS = ("agg", "agg_details", "agg_last_updated", "aggregates")


def row(account: str, **columns: Any) -> Row:
    return {"user_id": account} | _KEY | dict.fromkeys(_COLUMNS) | columns


def merged(from_row: Row, to_row: Row) -> Row:
    """The to account's row after the merge."""
    after = dict(to_row)
    for write in merge_user_activity_aggregates("t", [from_row | {"user_id": "f"}], [to_row], now=0):
        for column, value in write.values.items():
            after[column] = {**(after[column] or {}), **value} if isinstance(value, dict) else value
    return after


def seen_after(from_columns: Row, to_columns: Row) -> dict[str, float]:
    return what_readers_see(merged(row("f", **from_columns), row("t", **to_columns)))


def test_readers_see_agg_overlaid_by_aggregates() -> None:
    of_both = row("t", agg={"completedCount": 7, "a": 1}, aggregates={"completedCount": 3.0, "b": 2.0})
    assert what_readers_see(of_both) == {"completedCount": 3.0, "a": 1.0, "b": 2.0}
    assert what_readers_see(row("t")) == what_readers_see({}) == {}


@pytest.mark.parametrize(
    ("from_columns", "to_columns", "seen"),
    [
        ({"aggregates": {"score:q": 0.0}}, {"agg": {"score:q": 1}}, {"score:q": 1.0}),
        ({"aggregates": {"completedCount": 3.0}}, {"agg": {"completedCount": 7}}, {"completedCount": 7.0}),
        (
            {"agg": {"completedCount": 7}},
            {"agg": {"completedCount": 1}, "aggregates": {"completedCount": 3.0}},
            {"completedCount": 7.0},
        ),
        (
            {"agg": {"completedCount": 9}, "aggregates": {"completedCount": 2.0}},
            {"agg": {"completedCount": 1}, "aggregates": {"completedCount": 3.0}},
            {"completedCount": 3.0},
        ),
    ],
)
def test_a_small_value_in_aggregates_hides_no_larger_one_in_agg(
    from_columns: Row, to_columns: Row, seen: dict[str, float]
) -> None:
    assert seen_after(from_columns, to_columns) == seen


def test_a_max_score_goes_with_its_score_into_aggregates() -> None:
    from_columns = {"aggregates": {"score:q": 1.0}}
    to_columns = {"agg": {"score:q": 3, "max_score:q": 4}}
    assert merged(row("f", **from_columns), row("t", **to_columns))["aggregates"] == {
        "score:q": 3.0,
        "max_score:q": 4.0,
    }


def test_aggregates_are_not_made_where_neither_has_any() -> None:
    after = merged(row("f", agg={"completedCount": 2}), row("t", agg={"completedCount": 1}))
    assert after["aggregates"] is None
    assert after["agg"] == {"completedCount": 2}


@pytest.mark.parametrize("lacking", [["aggregates"], ["agg_last_updated"], ["agg_details"], [*_COLUMNS[1:]]])
@pytest.mark.parametrize("is_copied", [True, False])
def test_a_column_that_the_table_lacks_is_not_written(lacking: list[str], is_copied: bool) -> None:
    columns = {"agg": {"completedCount": 2, "attempts_count:x": 1}, "agg_details": ["x"]} | {
        "aggregates": {"completedCount": 2.0},
        "agg_last_updated": {"completedCount": 1},
    }
    from_row, to_row = (
        {column: value for column, value in each.items() if column not in lacking}
        for each in (row("f", **columns), row("t", agg={"completedCount": 1}))
    )
    (write,) = merge_user_activity_aggregates("t", [from_row], [] if is_copied else [to_row], now=5)
    assert write.values.keys() == from_row.keys()


def _items(attempts: list[str]) -> list[list[str]]:
    return [list(each) for size in range(3) for each in combinations(attempts, size)]


_ATTEMPTS = [
    json.dumps({"attempt_id": attempt_id, "content_id": "x", "last_attempted_on": at, "score": score})
    for attempt_id, at, score in (("1", 5, 1.0), ("2", "Jan 2, 2026, 9:00:00 AM", 2.0), ("3", None, 0.0))
]
_EITHER = st.one_of(st.none(), st.integers(0, 3).map(float))


def _number_maps(kind: type[float]) -> st.SearchStrategy[dict[str, float]]:
    """A score always has its max_score: no rule can let null lose and be independent of order as well."""
    scores = st.sampled_from([None, (1.0, 10.0), (1.0, 5.0), (2.0, 5.0), (0.0, 4.0)])

    def numbers(completed: Any, other: Any, attempts: Any, score: Any) -> dict[str, float]:
        values = {"completedCount": completed, "other": other, "attempts_count:x": attempts}
        values |= dict(zip(("score:x", "max_score:x"), score or (None, None), strict=True))
        return {key: kind(value) for key, value in values.items() if value is not None}

    return st.builds(numbers, _EITHER, _EITHER, _EITHER, scores)


_ROWS = st.builds(
    lambda agg, aggregates, details: row("t", agg=agg, aggregates=aggregates, agg_details=details),
    st.none() | _number_maps(int),
    st.none() | _number_maps(float),
    st.sampled_from(_items(_ATTEMPTS)),
)


def _comparable(each: Row) -> Row:
    """Without times; lists as sets, and what is empty as null."""
    details = set(each["agg_details"] or ())
    return {"aggregates": each["aggregates"] or {}, "agg": each["agg"] or {}, "agg_details": details}


@given(_ROWS, _ROWS, _ROWS)
def test_any_order_and_any_grouping_give_the_same_row(a: Row, b: Row, c: Row) -> None:
    assert _comparable(merged(a, b)) == _comparable(merged(b, a))
    assert _comparable(merged(merged(a, b), c)) == _comparable(merged(a, merged(b, c)))
    assert _comparable(merged(a, merged(a, b))) == _comparable(merged(a, b))


@given(_ROWS, _ROWS)
def test_nothing_that_readers_see_gets_smaller(a: Row, b: Row) -> None:
    seen = what_readers_see(merged(a, b))
    for before in (what_readers_see(a), what_readers_see(b)):
        for key, value in before.items():
            if key.startswith("max_score:"):
                # It goes with its score: not smaller where that is the same.
                score = key.removeprefix("max_")
                assert (seen.get(score, -math.inf), seen[key]) >= (before.get(score, -math.inf), value)
            else:
                assert seen[key] >= value


@given(_ROWS, _ROWS)
def test_what_is_written_to_aggregates_is_of_keys_that_either_row_has_there(a: Row, b: Row) -> None:
    either = {*(a["aggregates"] or ()), *(b["aggregates"] or ())}
    assert (merged(a, b)["aggregates"] or {}).keys() == either
