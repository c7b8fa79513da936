import math
from typing import Any

import pytest

from transforms.rules.joins import larger, larger_by_key, smaller, union
from transforms.rules.rows import is_null


@pytest.mark.parametrize("join", [larger, smaller])
def test_of_equals_the_to_accounts_own_object_stays(join: Any) -> None:
    to_value = 1.0
    assert join(1, to_value) is to_value


def test_nan_loses_like_a_null() -> None:
    nan = math.nan
    assert larger(nan, -1.0) == larger(-1.0, nan) == -1.0
    assert larger(float("nan"), nan) is nan


def test_maps_are_joined_key_by_key() -> None:
    assert larger_by_key({"a": 1, "b": 2}, {"b": 1, "c": 0}) == {"a": 1, "b": 2, "c": 0}
    assert larger_by_key({"b": 1, "c": 0}, {"a": 1, "b": 2}) == {"a": 1, "b": 2, "c": 0}


def test_a_union_has_the_to_accounts_items_first_and_the_larger_of_two_that_are_the_same() -> None:
    items = {"identity": lambda item: item[0], "rank": lambda item: item}
    assert union(["c1", "b3", "a0"], ["a1", "b2"], **items) == ["a1", "b3", "c1"]


@pytest.mark.parametrize("value", [None, [], {}, set(), ()])
def test_null_and_empty_collections_are_null(value: Any) -> None:
    assert is_null(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "", b"", [0], {"": 0}])
def test_all_other_values_are_not_null(value: Any) -> None:
    assert not is_null(value)
