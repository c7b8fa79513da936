from typing import Any

import pytest

from faults.memory_tables import DATES
from transforms.rules.enrolments import enrolment_rules, merge_user_enrolments
from transforms.rules.rows import Row, RowWrite

KEY = {"courseid": "c", "batchid": "b"}


def row(account: str, **columns: Any) -> Row:
    return {"userid": account} | KEY | columns


def merge(from_rows: list[Row], to_rows: list[Row]) -> list[RowWrite]:
    return merge_user_enrolments("t", enrolment_rules(DATES).pairs(from_rows, to_rows), dates=DATES)


def changes(from_columns: Row, to_columns: Row) -> Row:
    """What is written to an enrolment that both have, but for the key."""
    writes = merge([row("f", **from_columns)], [row("t", **to_columns)])
    assert all(write.copied is None for write in writes)
    return {column: value for write in writes for column, value in write.values.items() if column not in row("t")}


# Column, the lesser value, the better value.
RULES = [
    ("active", False, True),
    *((column, 1, 2) for column in ("status", "progress", "completionpercentage", "certstatus")),
    *((column, 2, 1) for column in ("completedon", "enrolled_date")),
    ("enrolleddate", "2022-03-01T10:00:00Z", "2022-03-01 12:00:00:000+0530"),
    ("enrolleddate", "", "2022-03-01"),
    ("datetime", 1, 2),
    ("lastcontentaccesstime", 1, 2),
]


@pytest.mark.parametrize(("column", "lesser", "better"), RULES)
def test_the_better_value_is_kept_and_written_only_if_it_is_new(column: str, lesser: Any, better: Any) -> None:
    assert changes({column: better}, {column: lesser}) == {column: better}
    assert changes({column: lesser}, {column: better}) == {}
    assert changes({column: better}, {column: better}) == {}


@pytest.mark.parametrize(("column", "value", "_"), RULES)
def test_null_loses_to_anything(column: str, value: Any, _: Any) -> None:
    assert changes({column: value}, {column: None}) == {column: value}
    assert changes({column: None}, {column: value}) == {}


@pytest.mark.parametrize("column", ["addedby", "a_new_column"])
def test_the_to_accounts_stays_unless_it_is_null(column: str) -> None:
    assert changes({column: "y"}, {column: "x"}) == {}
    assert changes({column: "y"}, {}) == {column: "y"}


def test_contentstatus_is_joined_by_content_and_only_changed_entries_are_written() -> None:
    assert changes({"contentstatus": {"x": 2, "y": 1, "z": 0}}, {"contentstatus": {"x": 1, "y": 2}}) == {
        "contentstatus": {"x": 2, "z": 0}
    }
    assert changes({"contentstatus": {"x": 1}}, {"contentstatus": {"x": 2}}) == {}


# (lastcontentaccesstime, lastreadcontentid, lastreadcontentstatus) of both, and what the to account has then.
LAST_READ = [
    ((2, "x", 1), (1, "y", 2), (2, "x", 1)),
    ((1, "x", 2), (1, "y", 1), (1, "y", 1)),
    ((1, "x", 2), (1, "x", 1), (1, "x", 2)),
    ((None, "x", 2), (1, "y", 1), (1, "y", 1)),
    ((None, "x", 2), (None, "y", 1), (None, "y", 1)),
    ((2, None, None), (1, "y", 1), (2, "y", 1)),
    ((2, "x", None), (1, "y", 1), (2, "x", 1)),
]


@pytest.mark.parametrize(("one", "other", "kept"), LAST_READ)
def test_what_was_read_last_is_from_the_side_that_was_there_later(one: Any, other: Any, kept: Any) -> None:
    columns = ("lastcontentaccesstime", "lastreadcontentid", "lastreadcontentstatus")
    for sides in ((one, other), (other, one)):
        from_columns, to_columns = (dict(zip(columns, side, strict=True)) for side in sides)
        assert to_columns | changes(from_columns, to_columns) == dict(zip(columns, kept, strict=True))


CERTIFICATES = ["certificates", "issued_certificates"]
A1, A2 = {"identifier": "a", "lastIssuedOn": "2022-01-01"}, {"identifier": "a", "lastIssuedOn": "2022-01-02"}
B, C = {"identifier": "b", "token": "t"}, {"identifier": "c"}
PLAIN, OTHER = {"name": "x"}, {"name": "y"}


@pytest.mark.parametrize("column", CERTIFICATES)
@pytest.mark.parametrize(
    ("from_values", "to_values", "union"),
    [
        ([C, B], [A1], [A1, C, B]),
        ([A2], [A1, B], [A2, B]),
        ([A1], [A2, B], None),
        ([A1 | {"token": "x"}], [A1 | {"name": "x"}], [A1 | {"token": "x"}]),
        ([OTHER], [PLAIN], [PLAIN, OTHER]),
        ([dict(PLAIN), C], [PLAIN], [PLAIN, C]),
        ([A1], [{"identifier": "A"}], [{"identifier": "A"}, A1]),
        ([A1], [], [A1]),
        ([], [A1], None),
    ],
)
def test_certificates_are_united_by_identifier(column: str, from_values: Any, to_values: Any, union: Any) -> None:
    assert changes({column: from_values}, {column: to_values}).get(column) == union


def test_an_enrolment_that_the_to_account_does_not_have_is_copied_without_its_nulls() -> None:
    columns = {"addedby": "x", "contentstatus": {"k": 1}, "certificates": [A1], "a_new_column": 1, "status": 0}
    from_row = row("f", **columns, progress=None, issued_certificates=[])
    (write,) = merge([from_row], [])
    assert write == RowWrite({"userid": "t"}, copied=from_row)
    assert write.columns() == row("t", **columns)


def test_enrolments_are_keyed_by_course_and_batch() -> None:
    (write,) = merge([row("f", courseid="another", status=2)], [row("t", status=1)])
    assert write.columns() == row("t", courseid="another", status=2)


@pytest.mark.parametrize("other", ["B", "b ", " b"])
def test_ids_match_exactly(other: str) -> None:
    (write,) = merge([row("f", batchid=other)], [row("t")])
    assert write.copied is not None


def test_an_enrolment_in_which_nothing_changes_is_not_written() -> None:
    from_rows = [row("f", courseid="c2"), row("f", courseid="c1", batchid="b9")]
    to_rows = [row("t", courseid="c2"), row("t", courseid="c1", batchid="b1")]
    assert [write.columns()["batchid"] for write in merge(from_rows, to_rows)] == ["b9"]


def test_a_from_account_without_enrolments_leaves_the_to_accounts() -> None:
    assert merge([], [row("t")]) == []
