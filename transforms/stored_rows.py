"""Rows as Cassandra sent them: a value is decoded when it is asked for, and may be written again as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from struct import Struct
from typing import Any

from cassandra.cqltypes import (
    DateType,
    DoubleType,
    FloatType,
    Int32Type,
    ListType,
    LongType,
    MapType,
    UTF8Type,
)

from transforms.protocol import PROTOCOL_VERSION
from transforms.rules.rows import PartlyDecoded, Row

_INT = Struct(">i")
_NUMBERS = {Int32Type: ">i", LongType: ">q", FloatType: ">f", DoubleType: ">d"}

_ORDERED = (Int32Type, LongType, DateType)
"""Types whose values are ordered as their bytes are (big-endian, of one length), but for negative ones."""

_SIGN = 0x80
"""The first bit of the first byte: from here on, a number is negative."""

Decoder = Callable[[bytes | None], Any]


def _decoder(type_: Any) -> Decoder:
    for base, format_ in _NUMBERS.items():
        if issubclass(type_, base):
            unpack = Struct(format_).unpack
            return lambda raw: unpack(raw)[0] if raw else None
    if issubclass(type_, UTF8Type):
        return lambda raw: None if raw is None else raw.decode()
    if issubclass(type_, MapType):
        return _map_decoder(*type_.subtypes)
    if issubclass(type_, ListType):
        return _list_decoder(*type_.subtypes)
    from_binary = type_.from_binary
    return lambda raw: from_binary(raw, PROTOCOL_VERSION)


def _map_decoder(key: Any, value: Any) -> Decoder:
    """Decodes to a dict: the driver's own kind of map serializes a key each time it is looked up."""
    decode_key, decode_value = _decoder(key), _decoder(value)

    def decode(raw: bytes | None) -> dict[Any, Any] | None:
        if not raw:
            return None
        items = _items(raw, 2)
        return dict(zip(map(decode_key, items[::2]), map(decode_value, items[1::2]), strict=True))

    return decode


def _list_decoder(item: Any) -> Decoder:
    decode_item = _decoder(item)
    return lambda raw: [decode_item(item) for item in _items(raw, 1)] if raw else None


def _items(raw: bytes, parts: int) -> list[bytes]:
    """The values in a collection, of which each entry has so many; none is null, so that no size is negative."""
    unpack = _INT.unpack_from
    (entries,), at, items = unpack(raw), 4, []
    for _ in range(entries * parts):
        start = at + 4
        at = start + unpack(raw, at)[0]
        items.append(raw[start:at])
    return items


class Columns:
    """The columns of a table, and how their values are decoded."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        """Take the driver's type of each column, in the order in which they are read."""
        self.names = tuple(types)
        self._places = {name: place for place, name in enumerate(types)}
        self._decoders = [_decoder(type_) for type_ in types.values()]
        # A timestamp is an integer in truth, which is as good for comparing, and far cheaper.
        self._comparable = [
            _decoder(LongType) if issubclass(type_, DateType) else decoder
            for type_, decoder in zip(types.values(), self._decoders, strict=True)
        ]

        self._ordered = [issubclass(type_, _ORDERED) for type_ in types.values()]

    def decode(self, raw: Sequence[bytes | None], name: str) -> Any:
        """The value of a column of a row; raises KeyError if the table has none of that name."""
        place = self._places[name]
        return self._decoders[place](raw[place])

    def row(self, raw: Sequence[bytes | None]) -> Row:
        """A whole row, decoded."""
        return {name: decode(value) for name, decode, value in zip(self.names, self._decoders, raw, strict=True)}

    def some(self, *names: str) -> Callable[[Sequence[bytes | None]], Row]:
        """Takes some columns out of an undecoded row, decoded."""
        columns = [(name, self._places[name], self._comparable[self._places[name]]) for name in names]
        return lambda raw: {name: decode(raw[place]) for name, place, decode in columns}

    def unlike(self, theirs: Sequence[bytes | None], own: Sequence[bytes | None]) -> tuple[Row, Row]:
        """The columns in which two rows differ, as values that compare as the decoded ones do.

        Integers and timestamps stay the bytes that they are where neither is negative, else timestamps are ms
        since the epoch; everything else is decoded.
        """
        their_row, own_row = {}, {}
        for name, ordered, decode, a, b in zip(
            self.names, self._ordered, self._comparable, theirs, own, strict=True
        ):
            if a != b:
                if ordered and a and b and a[0] < _SIGN and b[0] < _SIGN:
                    their_row[name], own_row[name] = a, b
                else:
                    their_row[name], own_row[name] = decode(a), decode(b)
        return their_row, own_row

    def distinct(self, rows: Iterable[StoredRow], *names: str) -> set[tuple[Any, ...]]:
        """The values of some columns, decoded, of rows of which many have the same."""
        key_of, some = self.key(*names), self.some(*names)
        different = {key_of(row.raw): row.raw for row in rows}
        return {tuple(some(raw).values()) for raw in different.values()}

    def key(self, *names: str) -> itemgetter[Any]:
        """Takes the undecoded values of some columns out of an undecoded row, for comparing."""
        return itemgetter(*(self._places[name] for name in names))


class StoredRow(Mapping[str, Any]):
    """A row whose columns are decoded when they are asked for.

    Attributes:
        raw: the undecoded values in the order of the columns, None for null.
    """

    __slots__ = ("_columns", "raw")

    def __init__(self, columns: Columns, raw: tuple[bytes | None, ...]) -> None:
        """Take the values."""
        self._columns, self.raw = columns, raw

    def __getitem__(self, name: str) -> Any:
        return self._columns.decode(self.raw, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns.names)

    def __len__(self) -> int:
        return len(self._columns.names)


def rows_to_merge(
    columns: Columns,
    from_rows: Iterable[StoredRow],
    to_rows: Iterable[StoredRow],
    *,
    key: Sequence[str],
    counters: Sequence[str] = (),
) -> tuple[list[Row], list[Row]]:
    """Rows of two accounts as the rules need them, with as little decoded as can be.

    A from row that the to account does not have is copied, so its values stay as they are stored; nothing but key
    and counters is decoded. Of a row that both have, the columns that are equal are left out on both sides, since
    no rule changes them, but for key and counters; of a to row that the from account does not have, all but the
    key.

    Args:
        columns: of the table.
        from_rows: the from account's rows.
        to_rows: the to account's rows.
        key: the columns of the primary key but for the account.
        counters: the columns whose values are added up, which counts where they are equal too.

    Returns:
        The rows of each.
    """
    key_of, only_key = columns.key(*key), columns.some(*key)
    counts = [name for name in counters if name in columns.names]
    key_and_counts, only_counts = columns.some(*key, *counts), columns.some(*counts)
    own_by_key = {key_of(row.raw): row.raw for row in to_rows}
    theirs_to_merge: list[Row] = []
    own_to_merge: list[Row] = []
    for row in from_rows:
        raw = row.raw
        own = own_by_key.pop(key_of(raw), None)
        decoded = key_and_counts(raw)
        if own is None:
            theirs_to_merge.append(PartlyDecoded(decoded, raw))
        else:
            theirs, merged_into = columns.unlike(raw, own)
            theirs_to_merge.append(theirs | decoded)
            own_to_merge.append(merged_into | decoded | only_counts(own))
    return theirs_to_merge, own_to_merge + [only_key(raw) for raw in own_by_key.values()]
