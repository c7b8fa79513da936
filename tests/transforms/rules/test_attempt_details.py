"""The union of the attempts of two accounts."""

import json
from typing import Any

import pytest

from transforms.rules.attempt_details import attempts_by_content, union_of_attempts


def attempt(attempt_id: str, content_id: Any = "x", **fields: Any) -> str:
    return json.dumps({"attempt_id": attempt_id, "content_id": content_id, **fields})


EARLY, LATE = attempt("1", last_attempted_on=9, score=2), attempt("1", last_attempted_on=10, score=1)
NO_TIME, TEXT_TIME = attempt("1", score=9), attempt("1", last_attempted_on="99", score=8)
BEFORE, AFTER = (attempt("1", last_attempted_on=ms, score=9) for ms in (1_767_344_399_999, 1_767_344_400_001))
NINE = [
    attempt("1", last_attempted_on=text, score=1)
    for text in (
        "Jan 2, 2026, 9:00:00 AM",
        "Jan 2, 2026 9:00:00 AM",
        "Jan 2, 2026, 9:00:00\u202fAM",
        "2026-01-02T09:00:00Z",
        "2026-01-02T14:30:00+05:30",
    )
]
DAY_BEFORE = attempt("1", last_attempted_on="Jan 1, 2026, 11:00:00 PM", score=9)
LOW, HIGH, FLAG = attempt("1", score=9), attempt("1", score=10), attempt("1", score=True)
TWO = attempt("2")
DEEP = "[" * 100_000

# The details of both, and their union where it differs from the to account's.
DETAILS = [
    ([TWO, EARLY], [EARLY], [EARLY, TWO]),
    ([TWO], [EARLY, TWO], None),
    ([LATE], [EARLY, TWO], [LATE, TWO]),
    ([EARLY], [LATE, TWO], None),
    ([EARLY], [NO_TIME], [EARLY]),
    ([NO_TIME], [TEXT_TIME], [NO_TIME]),
    ([TEXT_TIME], [NO_TIME], None),
    *(([nine], [BEFORE], [nine]) for nine in NINE),
    *(([nine], [AFTER], None) for nine in NINE),
    ([NINE[0]], [DAY_BEFORE], [NINE[0]]),
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


@pytest.mark.parametrize(("from_details", "to_details", "union"), DETAILS, ids=range(len(DETAILS)))
def test_details_are_united_by_attempt_id(from_details: Any, to_details: Any, union: Any) -> None:
    assert union_of_attempts(from_details, to_details) == (to_details if union is None else union)


@pytest.mark.parametrize(("from_details", "to_details", "union"), DETAILS, ids=range(len(DETAILS)))
def test_the_union_has_the_same_details_whichever_side_comes_first(
    from_details: Any, to_details: Any, union: Any
) -> None:
    assert set(union_of_attempts(to_details, from_details)) == set(to_details if union is None else union)


def test_distinct_attempts_are_counted_by_content() -> None:
    others = ["no JSON", '{"content_id": "x"}', attempt("2", "y"), attempt("3", ["x"])]
    counts = attempts_by_content([attempt("1"), attempt("1", score=2), attempt(""), *others])
    assert counts == {"x": 2, "y": 1}
