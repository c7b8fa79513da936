"""Rows of two accounts as the rules need them: copied values stay bytes, equal columns are left out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from cassandra.cqltypes import DateType, Int32Type, MapType, UTF8Type
from hamcrest import assert_that, empty, equal_to

from transforms.stored_rows import PROTOCOL_VERSION, Columns, StoredRow, rows_to_merge

NUMBERS = MapType.apply_parameters([UTF8Type, Int32Type])
TYPES = {"userid": UTF8Type, "contentid": UTF8Type, "status": Int32Type, "viewcount": Int32Type, "at": DateType}
COLUMNS = Columns(TYPES)
AT = datetime(2022, 3, 30, 12, 0, 0, 5000)  # noqa: DTZ001 - as the driver has it
AT_MS = 1_648_641_600_005


def stored(**values: Any) -> StoredRow:
    raw = (
        None if values.get(name) is None else type_.serialize(values[name], PROTOCOL_VERSION)
        for name, type_ in TYPES.items()
    )
    return StoredRow(COLUMNS, tuple(raw))


def merge(from_rows: list[StoredRow], to_rows: list[StoredRow]) -> tuple[list[Any], list[Any]]:
    return rows_to_merge(COLUMNS, from_rows, to_rows, key=("contentid",), counters=("viewcount", "no such column"))


def test_a_row_is_a_mapping_of_its_decoded_values() -> None:
    row = stored(userid="a", contentid="k", status=-2, at=AT)

    assert_that(dict(row), equal_to({"userid": "a", "contentid": "k", "status": -2, "viewcount": None, "at": AT}))


def test_a_row_that_is_copied_keeps_its_values_undecoded_but_for_key_and_counters() -> None:
    row = stored(userid="a", contentid="k", status=2, viewcount=3)

    theirs, own = merge([row], [])

    assert_that(theirs, equal_to([{"contentid": "k", "viewcount": 3}]))
    assert_that([one.raw for one in theirs], equal_to([row.raw]))
    assert_that(own, empty())


def test_of_rows_that_both_have_columns_that_are_equal_are_left_out_but_for_key_and_counters() -> None:
    theirs, own = merge(
        [stored(userid="a", contentid="k", status=2, viewcount=3, at=AT)],
        [stored(userid="b", contentid="k", status=2, viewcount=3)],
    )

    assert_that(theirs, equal_to([{"userid": "a", "contentid": "k", "viewcount": 3, "at": AT_MS}]))
    assert_that(own, equal_to([{"userid": "b", "contentid": "k", "viewcount": 3, "at": None}]))


def test_numbers_that_both_have_are_compared_as_the_bytes_that_they_are_unless_one_is_negative() -> None:
    theirs, own = merge(
        [stored(userid="a", contentid="k", status=2, at=AT), stored(userid="a", contentid="l", status=-2)],
        [stored(userid="a", contentid="k", status=1), stored(userid="a", contentid="l", status=1)],
    )

    assert_that([row["status"] for row in theirs], equal_to([b"\0\0\0\2", -2]))
    assert_that([row["status"] for row in own], equal_to([b"\0\0\0\1", 1]))


def test_rows_of_the_primary_alone_are_there_with_their_key() -> None:
    theirs, own = merge([], [stored(userid="b", contentid="k", status=1)])

    assert_that((theirs, own), equal_to(([], [{"contentid": "k"}])))


@pytest.mark.parametrize("numbers", [{"a": 1, "ü": -2_147_483_648}, {f"k{n}": n for n in range(1_000)}])
def test_a_map_is_a_dict(numbers: dict[str, int]) -> None:
    columns = Columns({"numbers": NUMBERS})

    assert_that(columns.row([NUMBERS.serialize(numbers, PROTOCOL_VERSION)]), equal_to({"numbers": numbers}))
    assert_that(columns.row([None]), equal_to({"numbers": None}))
