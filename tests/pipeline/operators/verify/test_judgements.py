"""What must be true of merged rows, as pure functions."""

from __future__ import annotations

from typing import Any

import pytest
from hamcrest import assert_that, contains_exactly, empty

from pipeline.operators.verify.judgements import below_floor, has_counts_alone, hidden_from_readers
from transforms.rules.view_counts import MAX_INT


def fact(origin: str, **counts: int) -> dict[str, Any]:
    return {"courseid": "c", "batchid": "b", "originid": origin, "viewcounts": counts, "completedcounts": None}


def test_a_count_is_at_least_what_all_origins_have_counted_each_by_its_largest_fact() -> None:
    facts = [fact("a", k=3), fact("a", k=5), fact("own", k=2), fact("a", other=1)]

    found = below_floor(facts, {("c", "b", "k"): {"viewcount": 6}, ("c", "b", "other"): {"viewcount": 9}})

    assert_that([*found], contains_exactly((("c", "b", "k"), "viewcount", 6, 7)))
    assert_that([*below_floor(facts, {})], contains_exactly(*_missing(k=7, other=1)))
    assert_that(
        [*below_floor([fact("a", k=MAX_INT), fact("b", k=1)], {("c", "b", "k"): {"viewcount": MAX_INT}})], empty()
    )


def _missing(**floors: int) -> list[Any]:
    return [(("c", "b", content), "viewcount", 0, floor) for content, floor in floors.items()]


@pytest.mark.parametrize(
    ("row", "alone"),
    [
        ({"viewcount": 1}, True),
        ({"viewcount": 1, "completedcount": 0, "status": None, "progressdetails": None}, True),
        ({"viewcount": 1, "status": 0}, False),
        ({"viewcount": None}, False),
    ],
)
def test_a_row_of_nothing_but_its_key_and_counts_has_counts_alone(row: dict[str, Any], alone: bool) -> None:
    assert has_counts_alone({"userid": "a", "contentid": "k"} | row, ("userid", "contentid")) is alone


@pytest.mark.parametrize(
    ("saw", "see", "hidden"),
    [
        ({"completedCount": 3.0}, {"completedCount": 3.0}, []),
        ({"completedCount": 3.0}, {"completedCount": 2.0}, [("completedCount", 3.0, 2.0)]),
        ({"other": 0.0}, {}, [("other", 0.0, None)]),
        ({"score:k": 2.0, "max_score:k": 5.0}, {"score:k": 3.0, "max_score:k": 4.0}, []),
        ({"score:k": 2.0, "max_score:k": 5.0}, {"score:k": 2.0, "max_score:k": 4.0}, [("max_score:k", 5.0, 4.0)]),
        ({"max_score:k": 5.0}, {"max_score:k": 4.0}, [("max_score:k", 5.0, 4.0)]),
        ({"score:k": float("nan")}, {"score:k": 1.0}, []),
    ],
)
def test_readers_see_at_least_what_they_saw(
    saw: dict[str, float], see: dict[str, float], hidden: list[Any]
) -> None:
    assert_that([*hidden_from_readers({"aggregates": saw}, {"aggregates": see})], contains_exactly(*hidden))


def test_a_small_value_in_aggregates_hides_a_larger_one_in_agg() -> None:
    row = {"agg": {"completedCount": 7}, "aggregates": {"completedCount": 3.0}}

    assert_that(
        [*hidden_from_readers({"agg": {"completedCount": 7}}, row)], contains_exactly(("completedCount", 7.0, 3.0))
    )
