"""The attempts at assessments, and what the platform makes of them after a merge."""

import math
from collections import defaultdict
from collections.abc import Iterable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.rules.activity_aggregates import merge_user_activity_aggregates, what_readers_see
from transforms.rules.assessments import assessment_rules, merge_assessments
from transforms.rules.rows import Row, RowWrite

RULES = assessment_rules("course_id", "batch_id")
COLUMNS = (
    "total_score",
    "total_max_score",
    "grand_total",
    "question",
    "created_on",
    "last_attempted_on",
    "updated_on",
)
KEY = {"course_id": "c", "batch_id": "b", "content_id": "x", "attempt_id": "1"}


def row(account: str, **columns: Any) -> Row:
    return {"user_id": account} | KEY | dict.fromkeys(COLUMNS) | columns


def merge(from_rows: list[Row], to_rows: list[Row]) -> list[RowWrite]:
    return merge_assessments("t", RULES.pairs(from_rows, to_rows), RULES)


def merged(from_row: Row, to_row: Row) -> Row:
    """The to account's row after the merge of two of one attempt."""
    writes = merge([from_row | {"user_id": "f"}], [to_row | {"user_id": "t"}])
    return writes[0].columns() if writes else to_row


def test_an_attempt_that_the_to_account_does_not_have_is_copied() -> None:
    from_row = row("f", total_score=3.0, question=["q"])
    assert merge([from_row], [row("t") | {"attempt_id": "2"}]) == [RowWrite({"user_id": "t"}, copied=from_row)]


@pytest.mark.parametrize("column", KEY)
def test_attempts_are_matched_by_their_exact_key(column: str) -> None:
    (write,) = merge([row("f") | {column: "Another"}], [row("t")])
    assert write.copied is not None
    assert not write.replaces


@pytest.mark.parametrize("names", [("course_id", "batch_id"), ("collection_id", "context_id")])
def test_the_names_of_the_key_are_those_of_the_table(names: tuple[str, str]) -> None:
    rules = assessment_rules(*names)
    of_attempt = dict.fromkeys(names, "c") | {"content_id": "x", "attempt_id": "1"}
    from_row, to_row = ({"user_id": account, "last_attempted_on": 1} | of_attempt for account in "ft")
    assert merge_assessments("t", rules.pairs([from_row], [to_row]), rules) == []
    assert len(merge_assessments("t", rules.pairs([from_row], []), rules)) == 1


# What two rows of one attempt have; the second is kept.
KEPT = [
    ({"last_attempted_on": 1}, {"last_attempted_on": 2}),
    ({"last_attempted_on": 1, "total_score": 9.0}, {"last_attempted_on": 2, "total_score": 1.0}),
    ({"last_attempted_on": None, "total_score": 9.0}, {"last_attempted_on": 2}),
    ({"last_attempted_on": 1, "question": ["q"]}, {"last_attempted_on": 2}),
    ({"last_attempted_on": 1, "total_score": 1.0}, {"last_attempted_on": 1, "total_score": 2.0}),
    ({"last_attempted_on": 1, "total_score": math.nan}, {"last_attempted_on": 1, "total_score": 0.0}),
    ({"total_score": None}, {"total_score": math.nan}),
    ({"last_attempted_on": 1, "grand_total": "1/2"}, {"last_attempted_on": 1, "grand_total": "2/2"}),
    ({"last_attempted_on": 1, "question": None}, {"last_attempted_on": 1, "question": [None]}),
]


@pytest.mark.parametrize(("lesser", "kept"), KEPT)
def test_of_an_attempt_that_both_have_one_row_is_kept_whole(lesser: Row, kept: Row) -> None:
    from_row, to_row = row("f", **kept), row("t", **lesser)
    (write,) = merge([from_row], [to_row])
    assert write == RowWrite({"user_id": "t"}, copied=from_row, replaces=True)
    assert write.columns() == from_row | {"user_id": "t"}, "with its nulls"
    assert merge([row("f", **lesser)], [row("t", **kept)]) == []


def test_nothing_is_written_where_both_have_the_same() -> None:
    same = {"last_attempted_on": 1, "total_score": 2.0, "question": ["q"]}
    assert merge([row("f", **same)], [row("t", **same)]) == []
    assert merge([], [row("t", **same)]) == []


_ROWS = st.builds(
    lambda at, score, total, question: row(
        "t", last_attempted_on=at, total_score=score, grand_total=total, question=question
    ),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, math.nan, 0.0, 2.0]),
    st.sampled_from([None, "1/2", "2/2"]),
    st.sampled_from([None, [], ["q"]]),
)


def _comparable(each: Row) -> str:
    """As text, since NaN differs from itself; an empty list is null."""
    return str([None if each[column] == [] else each[column] for column in COLUMNS])


@given(_ROWS, _ROWS, _ROWS)
def test_any_order_and_any_grouping_keep_the_same_row(a: Row, b: Row, c: Row) -> None:
    kept = {_comparable(merged(x, merged(y, z))) for x, y, z in permutations((a, b, c))}
    kept |= {_comparable(merged(merged(x, y), z)) for x, y, z in permutations((a, b, c))}
    assert len(kept) == 1
    assert kept <= {_comparable(each) for each in (a, b, c)}


def recomputed(attempts: Iterable[Row]) -> dict[str, float]:
    """What the platform's assessment job puts into aggregates at the next assessment, of all rows of the user.

    By content: the best score, the maximum of that attempt, and how many attempts there are.
    """
    by_content: dict[str, list[Row]] = defaultdict(list)
    for each in attempts:
        by_content[each["content_id"]].append(each)
    aggregates: dict[str, float] = {}
    for content, rows in by_content.items():
        best = max(rows, key=lambda each: each["total_score"])
        aggregates[f"score:{content}"] = best["total_score"]
        aggregates[f"max_score:{content}"] = best["total_max_score"]
        aggregates[f"attempts_count:{content}"] = float(len(rows))
    return aggregates


_ATTEMPTS = st.lists(
    st.tuples(st.sampled_from("xy"), st.sampled_from("123"), st.integers(0, 5)),
    max_size=5,
    unique_by=lambda each: each[:2],
)


def _history(account: str, attempts: list[tuple[str, str, int]]) -> list[Row]:
    """Attempts of an account. Evaluated again, later, an attempt has no lower score here: else the platform's
    own evaluation lowers it."""
    return [
        row(account, total_score=float(n), total_max_score=5.0, last_attempted_on=n)
        | {"content_id": content, "attempt_id": attempt_id}
        for content, attempt_id, n in attempts
    ]


@given(_ATTEMPTS, _ATTEMPTS, _ATTEMPTS)
def test_the_next_assessment_after_a_merge_takes_no_score_back(
    of_from: list[tuple[str, str, int]], of_to: list[tuple[str, str, int]], later: list[tuple[str, str, int]]
) -> None:
    from_rows, to_rows = _history("f", of_from), _history("t", of_to)
    attempts = {(each["content_id"], each["attempt_id"]): each for each in to_rows}
    for write in merge(from_rows, to_rows):
        copied = write.columns()
        attempts[copied["content_id"], copied["attempt_id"]] = copied
    key = {"activity_type": "Course", "activity_id": "c", "context_id": "cb:b"}
    columns = dict.fromkeys(("agg", "agg_details", "agg_last_updated"))
    aggregates = [
        {"user_id": account, "aggregates": recomputed(rows)} | key | columns
        for account, rows in (("f", from_rows), ("t", to_rows))
    ]
    seen = what_readers_see(aggregates[1])
    for merge_of_row in merge_user_activity_aggregates("t", aggregates[:1], aggregates[1:], now=0):
        seen |= merge_of_row.values["aggregates"]

    # The user's next attempts, each with an id of its own, and then the platform's recomputation.
    next_rows = _history("t", [(content, f"next {attempt_id}", n) for content, attempt_id, n in later])
    after = recomputed([*attempts.values(), *next_rows])
    assert all(after[name] >= number for name, number in seen.items())
