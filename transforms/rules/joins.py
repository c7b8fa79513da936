"""The joins of single values: the same whichever side comes first, and however often they are applied.

A join takes the primary's value and the other's, neither of them null (null loses to anything, whatever the join),
and returns the primary's own object unless the other's is better.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

Join = Callable[[Any, Any], Any]


def larger(own: Any, theirs: Any) -> Any:
    """The larger, or later, of both; NaN, which has no order, loses like a null."""
    return theirs if theirs > own or (own != own and theirs == theirs) else own


def smaller(own: Any, theirs: Any) -> Any:
    """The smaller, or earlier, of both."""
    return min(own, theirs)


def larger_by_key(own: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Two maps key by key, the larger value of each."""
    return {**own, **{key: larger(own[key], value) if key in own else value for key, value in theirs.items()}}


def union(
    own: Iterable[Any],
    theirs: Iterable[Any],
    identity: Callable[[Any], Hashable],
    rank: Callable[[Any], Any],
) -> list[Any]:
    """Two lists as one, the primary's items first and in their places.

    Args:
        own: the primary's items.
        theirs: the other's.
        identity: what makes two items the same one.
        rank: of two that are the same one but differ, the one of the larger rank is kept, so that the union has
            the same items whichever side comes first.
    """
    items: dict[Hashable, Any] = {}
    for item in (*own, *theirs):
        key = identity(item)
        if key not in items or rank(item) > rank(items[key]):
            items[key] = item
    return list(items.values())
