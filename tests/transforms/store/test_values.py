"""Values as Cassandra stores them, compared with what the driver makes of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from cassandra.cqltypes import (
    BooleanType,
    DateType,
    DoubleType,
    FloatType,
    Int32Type,
    ListType,
    LongType,
    MapType,
    UTF8Type,
)
from hamcrest import assert_that, equal_to

from transforms.store.protocol import PROTOCOL_VERSION
from transforms.store.values import decoder, serializer

TEXTS = ListType.apply_parameters([UTF8Type])
COUNTS = MapType.apply_parameters([UTF8Type, Int32Type])
TIMES = MapType.apply_parameters([UTF8Type, DateType])
CERTIFICATES = ListType.apply_parameters([MapType.apply_parameters([UTF8Type, UTF8Type])])

VALUES = [
    (UTF8Type, ""),
    (UTF8Type, "aü\0\N{GRINNING FACE}"),
    *((Int32Type, number) for number in (0, 1, -1, 2_147_483_647, -2_147_483_648)),
    (LongType, -(2**63)),
    (DoubleType, 33.3),
    (DoubleType, math.inf),
    (FloatType, 0.5),
    (BooleanType, True),
    (DateType, 1_648_641_600_005),
    (DateType, -5),
    (COUNTS, {"a": 1, "ü": -2_147_483_648}),
    (COUNTS, {f"k{number}" * number: number for number in range(1_000)}),
    (TIMES, {"a": 1_648_641_600_005}),
    (TEXTS, ["a", "", "b" * 5_000]),
    (CERTIFICATES, [{"identifier": "x", "name": "y"}, {"identifier": "z"}]),
]


@pytest.mark.parametrize(("type_", "value"), VALUES, ids=str)
def test_a_value_is_serialized_as_by_the_driver_and_decoded_again(type_: Any, value: Any) -> None:
    serialized = type_.serialize(value, PROTOCOL_VERSION)

    assert_that(serializer(type_)(value), equal_to(serialized))
    assert_that(decoder(type_)(serialized), equal_to(value))


@pytest.mark.parametrize("type_", dict.fromkeys(type_ for type_, _ in VALUES), ids=str)
def test_null_is_none(type_: Any) -> None:
    assert_that(decoder(type_)(None), equal_to(None))
