"""One shape for a change: what writes change, beside the rows as they were."""

from __future__ import annotations

from hamcrest import assert_that, contains_exactly, equal_to

from transforms.rules.changes import Change, changes
from transforms.rules.rows import Row, RowWrite

KEY = ("userid", "courseid")
TO_ROW: Row = {"userid": "to", "courseid": "c", "status": 1, "progress": 2, "seen": {"k1": 1}, "note": None}


def change_of(write: RowWrite, *to_rows: Row) -> Change:
    (change,) = changes("t", KEY, [write], to_rows)
    return change


def test_a_row_that_the_to_account_has_changes_in_some_columns_and_keeps_the_others() -> None:
    write = RowWrite({"userid": "to", "courseid": "c", "status": 2, "seen": {"k2": 5}})

    change = change_of(write, TO_ROW)

    columns = {"status": (1, 2), "seen": ({"k1": 1}, {"k1": 1, "k2": 5})}
    key = {"userid": "to", "courseid": "c"}
    assert_that(change, equal_to(Change("t", key, False, columns, {"progress": 2})))


def test_a_row_that_is_copied_was_null_in_every_column() -> None:
    write = RowWrite({"userid": "to"}, {"userid": "from", "courseid": "d", "status": 2, "note": None})

    change = change_of(write, TO_ROW)

    assert_that(change, equal_to(Change("t", {"userid": "to", "courseid": "d"}, True, {"status": (None, 2)}, {})))


def test_of_a_row_that_is_replaced_nothing_stays() -> None:
    from_row = {"userid": "from", "courseid": "c", "status": 1, "progress": None, "seen": {"k2": 2}, "note": "n"}

    change = change_of(RowWrite({"userid": "to"}, from_row, replaces=True), TO_ROW)

    columns = {"note": (None, "n"), "progress": (2, None), "seen": ({"k1": 1}, {"k2": 2})}
    assert_that((change.copied, change.columns, change.unchanged), equal_to((False, columns, {"status": 1})))


def test_the_course_is_found_whatever_a_table_calls_it() -> None:
    names = ("courseid", "collectionid", "activity_id", "course_id", "collection_id")
    courses = [Change("t", {"user_id": "to", name: "c"}, True, {}, {}).course for name in names]
    assert_that(courses, contains_exactly(*("c" for _ in names)))
