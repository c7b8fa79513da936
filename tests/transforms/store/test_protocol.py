"""Results as the driver hands them to its documented hook."""

from __future__ import annotations

from hamcrest import assert_that, empty, equal_to

from transforms.store.protocol import undecoded_rows


def content(*rows: list[bytes | None]) -> bytes:
    values = [(-1).to_bytes(4, signed=True) if v is None else len(v).to_bytes(4) + v for row in rows for v in row]
    return len(rows).to_bytes(4) + b"".join(values)


def test_rows_are_tuples_of_bytes_with_none_for_null() -> None:
    rows: list[list[bytes | None]] = [[b"abc", None, b""], [None, None, None], [b"a" * 70_000, b"\0", b"b"]]

    assert_that(undecoded_rows(content(*rows), 3), equal_to([tuple(row) for row in rows]))


def test_a_result_may_have_no_rows_and_rows_one_column() -> None:
    assert_that(undecoded_rows(content(), 3), empty())
    assert_that(undecoded_rows(content([b"a"], [None]), 1), equal_to([(b"a",), (None,)]))
