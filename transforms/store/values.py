"""Values as Cassandra stores them: decoded and serialized with less work than by the driver.

A timestamp is an integer, in ms since the epoch: that is what is stored, and it compares and serializes as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Set
from datetime import UTC, datetime, timedelta
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

from transforms.store.protocol import PROTOCOL_VERSION

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT = Struct(">i")
_NUMBERS = {Int32Type: ">i", LongType: ">q", DateType: ">q", FloatType: ">f", DoubleType: ">d"}

Decoder = Callable[[bytes | None], Any]
Serializer = Callable[[Any], bytes]


def decoder(type_: Any) -> Decoder:
    """Decodes values of the driver's type; null is None."""
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
    decode_key, decode_value = _hashable(key, decoder(key)), decoder(value)

    def decode(raw: bytes | None) -> dict[Any, Any] | None:
        if not raw:
            return None
        items = _items(raw, 2)
        return dict(zip(map(decode_key, items[::2]), map(decode_value, items[1::2]), strict=True))

    return decode


def _hashable(type_: Any, decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Decodes the key of a map, which in CQL may be a collection, and in Python no list, set or dict."""
    is_simple = issubclass(type_, (UTF8Type, *_NUMBERS))
    return decode if is_simple else lambda raw: _frozen(decode(raw))


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((_frozen(key), _frozen(item)) for key, item in value.items())
    if isinstance(value, list | tuple | Set):
        return tuple(map(_frozen, value))
    return value


def _list_decoder(item: Any) -> Decoder:
    decode_item = decoder(item)
    return lambda raw: [decode_item(item) for item in _items(raw, 1)] if raw else None


def _items(raw: bytes, parts: int) -> list[bytes]:
    """The values of a collection, `parts` of each entry: a map has two. None is null, so no size is negative."""
    unpack = _INT.unpack_from
    (entries,), at, items = unpack(raw), 4, []
    for _ in range(entries * parts):
        start = at + 4
        at = start + unpack(raw, at)[0]
        items.append(raw[start:at])
    return items


def serializer(type_: Any) -> Serializer:
    """Serializes values of the driver's type, of which none is null."""
    for base, format_ in _NUMBERS.items():
        if issubclass(type_, base):
            return Struct(format_).pack
    if issubclass(type_, UTF8Type):
        return str.encode
    if issubclass(type_, MapType):
        return _map_serializer(*map(serializer, type_.subtypes))
    serialize = type_.serialize
    return lambda value: bytes(serialize(value, PROTOCOL_VERSION))


def _map_serializer(key: Serializer, value: Serializer) -> Serializer:
    def serialize(entries: Mapping[Any, Any]) -> bytes:
        pack = _INT.pack
        parts = [pack(len(entries))]
        for a, b in entries.items():
            key_, value_ = key(a), value(b)
            parts += (pack(len(key_)), key_, pack(len(value_)), value_)
        return b"".join(parts)

    return serialize


def reader(type_: Any) -> Callable[[Any], Any]:
    """Makes of a decoded value of the driver's type what people read: of timestamps, datetimes in UTC."""
    if issubclass(type_, DateType):
        return _moment
    if issubclass(type_, MapType):
        key, value = type_.subtypes
        read_key, read_value = _hashable(key, reader(key)), reader(value)
        return lambda entries: entries and {read_key(k): read_value(v) for k, v in entries.items()}
    if issubclass(type_, ListType):
        read = reader(type_.subtypes[0])
        return lambda items: items and [read(item) for item in items]
    return lambda value: value


def _moment(ms: int | None) -> datetime | int | None:
    """The time, or its milliseconds where it is beyond the years that Python knows."""
    try:
        return None if ms is None else _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return ms


def now_ms() -> int:
    """Now, as Cassandra stores timestamps: in ms since the epoch."""
    return time.time_ns() // 1_000_000
