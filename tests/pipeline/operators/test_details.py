"""A change in the small: entries, items, and how a value is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hamcrest import assert_that, contains_exactly, equal_to

from pipeline.operators.details import Detail, details, read_as, row_name, told
from tests.support.previews import ASKED_AT, BATCH, attempt, changes
from transforms.rules.changes import Change


def of(old: Any, new: Any) -> list[Detail]:
    return details(Change("t", {}, False, {"column": (old, new)}, {}))


def test_a_map_changes_by_entry_and_what_stays_is_not_told() -> None:
    assert_that(
        of({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}),
        contains_exactly(Detail("column", "b", False, 2, 3), Detail("column", "c", False, None, 4)),
    )
    assert_that(of(None, {"a": 1}), contains_exactly(Detail("column", "a", False, None, 1)))
    assert_that(of({"a": 1}, None), contains_exactly(Detail("column", "a", False, 1, None)))


def test_a_list_changes_by_item_or_where_only_the_order_changes_as_a_whole() -> None:
    assert_that(
        of(["a", "b"], ["b", "c"]),
        contains_exactly(Detail("column", "", True, "a", None), Detail("column", "", True, None, "c")),
    )
    assert_that(of(None, ["a"]), contains_exactly(Detail("column", "", True, None, "a")))
    assert_that(of(["a", "b"], ["b", "a"]), contains_exactly(Detail("column", "", False, ["a", "b"], ["b", "a"])))


def test_any_other_column_changes_as_a_whole() -> None:
    assert_that(of(1, 2), contains_exactly(Detail("column", "", False, 1, 2)))
    assert_that(of(0, None), contains_exactly(Detail("column", "", False, 0, None)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", '""'),
        (True, "yes"),
        (8.0, "8"),
        (33.29999923706055, "33.29999923706055"),
        (float("nan"), "nan"),
        (datetime(2024, 3, 1, 10, tzinfo=UTC), "2024-03-01 10:00"),
        (datetime(2024, 3, 1, 10, 0, 7, tzinfo=UTC), "2024-03-01 10:00:07"),
        (datetime(2024, 3, 1, 10, 0, 7, 5_000, tzinfo=UTC), "2024-03-01 10:00:07.005"),
        (b"\x00\xff", "0x00ff"),
        ({"identifier": "c", "name": "n"}, "identifier c, name n"),
        ([{"a": 1}, None], "a 1; -"),
        ("two\nlines \x1b[2J\u202e", r"two\nlines \x1b[2J\u202e"),
        (attempt("a1", 8.0), "attempt a1 on do_quiz, score 8 of 10"),
        ('{"attempt_id": "a", "last_attempted_on": 1709373600000}', "attempt a, 2024-03-02 10:00"),
        ('{"attempt_id": "a", "last_attempted_on": "Mar 2"}', "attempt a, Mar 2"),
        ('{"attempt_id": "a", "more": 1}', '{"attempt_id": "a", "more": 1}'),
        ('{"attempt_id"', '{"attempt_id"'),
    ],
)
def test_a_value_is_read_in_one_line_that_tells_it_from_others(value: Any, text: str) -> None:
    assert_that(read_as(value), equal_to(text))


def test_what_only_the_merge_will_know_is_told_in_words() -> None:
    new = [
        Detail("c", "", False, None, ASKED_AT),
        Detail("mid", "", False, None, ""),
        Detail("c", "", False, 1, 2),
    ]
    assert_that(
        [told(one, ASKED_AT) for one in new], contains_exactly("the time of the merge", "that of the event", "2")
    )


def test_a_row_is_named_by_what_account_and_course_leave_open() -> None:
    assert_that(
        [row_name(change) for change in changes()],
        contains_exactly(
            f"{BATCH} do_atoms",
            f"{BATCH} 4cd4c690-eab6-4938-855a-447c7b1b8ea9 c132bb877261dd450b85bd1fd14d6caf",
            BATCH,
            f"cb:{BATCH}",
        ),
    )
