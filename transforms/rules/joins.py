"""The joins of single values: the same whichever side comes first, and however often they are applied.

A join takes the from account's value and the to account's, neither of them null (null loses to anything, whatever
the join), and returns the to account's own object unless the other is better.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

Join = Callable[[Any, Any], Any]


def larger(from_value: Any, to_value: Any) -> Any:
    """The larger of both; NaN, which has no order, loses like a null."""
    if from_value > to_value:
        return from_value
    return from_value if to_value != to_value and from_value == from_value else to_value


def smaller(from_value: Any, to_value: Any) -> Any:
    """The smaller of both."""
    return from_value if from_value < to_value else to_value


later, earlier = larger, smaller
"""Of two timestamps."""


def either(from_value: bool, to_value: bool) -> bool:
    """True if one of both is."""
    return from_value or to_value


def keep_to(_: Any, to_value: Any) -> Any:
    """The to account's value, as of a column that has no rule. Alone here it is no join: the sides matter."""
    return to_value


def larger_by_key(from_map: Mapping[str, Any], to_map: Mapping[str, Any]) -> dict[str, Any]:
    """Two maps key by key, the larger value of each."""
    return {**to_map, **{k: larger(value, to_map[k]) if k in to_map else value for k, value in from_map.items()}}


def union(
    from_items: Iterable[Any],
    to_items: Iterable[Any],
    identity: Callable[[Any], Hashable],
    rank: Callable[[Any], Any],
) -> list[Any]:
    """Two lists as one, the to account's items first and in their places.

    Args:
        from_items: the from account's items.
        to_items: the to account's.
        identity: items of the same identity are one item.
        rank: of two items of one identity the one with the larger rank is kept, so that the union has the same
            items whichever side comes first.
    """
    items: dict[Hashable, Any] = {}
    for item in (*to_items, *from_items):
        key = identity(item)
        if key not in items or rank(item) > rank(items[key]):
            items[key] = item
    return list(items.values())
