"""Rows of two accounts as the rules need them: copied ones stay as they are stored, equal columns are left out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from cassandra.cqltypes import DateType, DoubleType, Int32Type, UTF8Type
from hamcrest import assert_that, empty, equal_to
from hypothesis import given
from hypothesis import strategies as st

from faults.memory_tables import DATES
from transforms.rules.content_consumption import COUNTERS, BatchWrites, content_rules, merge_content_consumption
from transforms.rules.rows import Pair, Row, RowWrite, StoredRow
from transforms.store.protocol import PROTOCOL_VERSION
from transforms.store.rows import Columns, Pairing
from transforms.store.values import decoder, serializer

TYPES = {"userid": UTF8Type, "contentid": UTF8Type, "status": Int32Type, "viewcount": Int32Type, "at": DateType}
COLUMNS = Columns(TYPES)
PAIRING = Pairing(COLUMNS, "userid", ["contentid"], ["no such column", "viewcount"])
AT_MS = 1_648_641_600_005
AT_US = AT_MS * 1_000


def stored(**values: Any) -> StoredRow:
    return tuple(
        None if values.get(name) is None else type_.serialize(values[name], PROTOCOL_VERSION)
        for name, type_ in TYPES.items()
    )


def test_a_row_is_decoded_with_timestamps_in_ms() -> None:
    row = stored(userid="a", contentid="k", status=-2, at=AT_MS)

    assert_that(
        COLUMNS.row(row), equal_to({"userid": "a", "contentid": "k", "status": -2, "viewcount": None, "at": AT_MS})
    )


def test_the_distinct_values_of_some_columns_are_decoded() -> None:
    rows = [
        stored(userid="a", contentid=content, status=status) for content, status in (("x", 1), ("y", 2), ("x", 3))
    ]

    assert_that(COLUMNS.distinct(rows, "userid", "contentid"), equal_to({("a", "x"), ("a", "y")}))
    assert_that(COLUMNS.distinct(rows, "userid"), equal_to({("a",)}))


def test_a_row_that_is_copied_stays_as_it_is_stored() -> None:
    row = stored(userid="a", contentid="k", status=2, viewcount=3)

    assert_that(PAIRING.pairs([row], []), equal_to([Pair(("k",), row, None, (None, 3), (None, None))]))


def test_of_rows_that_both_have_only_the_differences_are_decoded_and_the_counters() -> None:
    from_row = stored(userid="a", contentid="k", status=2, viewcount=3, at=AT_MS)

    (pair,) = PAIRING.pairs([from_row], [stored(userid="b", contentid="k", status=2, viewcount=3)])

    assert_that(pair, equal_to(Pair(("k",), from_row, {"at": (AT_MS, None)}, (None, 3), (None, 3))))


def test_what_differs_is_decoded() -> None:
    pairs = PAIRING.pairs(
        [stored(contentid="k", status=2), stored(contentid="l", status=-2)],
        [stored(contentid="k", status=1), stored(contentid="l", status=1)],
    )

    assert_that([pair.differences["status"] for pair in pairs], equal_to([(2, 1), (-2, 1)]))


def test_after_its_columns_a_to_row_has_write_times_of_which_the_latest_counts() -> None:
    def written_us(*times: int | None) -> int:
        to_row = stored(userid="b", contentid="k") + tuple(None if t is None else t.to_bytes(8) for t in times)
        return PAIRING.pairs([stored(userid="a", contentid="k")], [to_row])[0].to_written_us

    assert_that([written_us(AT_US, AT_US + 1), written_us(AT_US, None)], equal_to([AT_US + 1, AT_US]))
    assert_that([written_us(None, None), written_us()], equal_to([0, 0]))


def test_pairs_are_in_the_order_of_their_keys_and_rows_of_the_primary_alone_are_none() -> None:
    rows = [stored(contentid=content) for content in "lk"]

    assert_that([pair.key for pair in PAIRING.pairs(rows, [stored(contentid="m")])], equal_to([("k",), ("l",)]))
    assert_that(PAIRING.pairs([], rows), empty())


CONTENT_TYPES = (
    dict.fromkeys(("userid", "courseid", "batchid", "contentid", "lastaccesstime", "progressdetails"), UTF8Type)
    | {"completionpercentage": DoubleType, "last_access_time": DateType}
    | dict.fromkeys(("progress", "status", "viewcount", "completedcount"), Int32Type)
)
CONTENT = Columns(CONTENT_TYPES)

_numbers = st.sampled_from([None, -2, 0, 1, 2, 300])
_texts = st.sampled_from(
    [None, "", "x", "2022-03-01", "2022-03-01 12:00:00:000+0530", "2022-03-01 12:00:00:001+0530"]
)
_rows = st.dictionaries(
    st.tuples(*[st.sampled_from(("1", "2"))] * 3),
    st.fixed_dictionaries(
        dict.fromkeys(("lastaccesstime", "progressdetails"), _texts)
        | {"completionpercentage": st.sampled_from([None, math.nan, -1.5, 0.0, 33.3])}
        | dict.fromkeys(("last_access_time", "progress", "status", "viewcount", "completedcount"), _numbers)
    ),
)


@given(_rows, _rows)
def test_stored_rows_are_merged_as_decoded_ones(from_values: Any, to_values: Any) -> None:
    rules = content_rules(DATES)

    def rows_of(account: str, rows: Any) -> list[Row]:
        return [
            dict(zip(("courseid", "batchid", "contentid"), key, strict=True)) | {"userid": account} | columns
            for key, columns in sorted(rows.items())
        ]

    def stored_row(row: Row) -> StoredRow:
        return tuple(
            None if row[name] is None else serializer(CONTENT_TYPES[name])(row[name]) for name in CONTENT.names
        )

    def merge(pairs: Iterable[Pair]) -> list[BatchWrites]:
        return merge_content_consumption("f", "t", pairs, (), (), rules=rules, mid="m", now=1, ledger=True)

    def written(batches: list[BatchWrites]) -> list[Any]:
        return [
            (batch.facts, [(write.copied is not None, _decoded(write)) for write in batch.rows])
            for batch in batches
        ]

    from_rows, to_rows = rows_of("f", from_values), rows_of("t", to_values)
    pairing = Pairing(CONTENT, rules.account, rules.key, COUNTERS)

    stored = merge(pairing.pairs(map(stored_row, from_rows), map(stored_row, to_rows)))

    assert_that(written(stored), equal_to(written(merge(rules.pairs(from_rows, to_rows)))))


def _decoded(write: RowWrite) -> dict[str, str]:
    """What a write leaves in the row, as text since NaN differs from itself."""
    row = CONTENT.row(write.copied) if isinstance(write.copied, tuple) else dict(write.copied or {})
    for name, value in write.values.items():
        row[name] = decoder(CONTENT_TYPES[name])(value) if type(value) is bytes else value
    return {name: str(value) for name, value in row.items() if value is not None}
