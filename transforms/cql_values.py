"""Values as Cassandra stores them: decoded and serialized with less work than by the driver.

A timestamp is an integer, in ms since the epoch: that is what is stored, and it compares and serializes as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

from transforms.protocol import PROTOCOL_VERSION, SIZES

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
    decode_key, decode_value = decoder(key), decoder(value)

    def decode(raw: bytes | None) -> dict[Any, Any] | None:
        if not raw:
            return None
        items = _items(raw, 2)
        return dict(zip(map(decode_key, items[::2]), map(decode_value, items[1::2]), strict=True))

    return decode


def _list_decoder(item: Any) -> Decoder:
    decode_item = decoder(item)
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
        parts = [_INT.pack(len(entries))]
        for a, b in entries.items():
            key_, value_ = key(a), value(b)
            parts += (SIZES[len(key_)], key_, SIZES[len(value_)], value_)
        return b"".join(parts)

    return serialize
