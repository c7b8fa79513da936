"""An account's merges both ways, chains included: A into B, and B into C."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pipeline.operators.merges import Merge, merges_into, merges_out_of
from transforms.dofns.account_fn import Merging


@dataclass(frozen=True, slots=True)
class Link:
    """A merge of a chain.

    Attributes:
        merge: the merge.
        other: the account at its far end.
        further: the merges that go on from there, in the same direction.
        is_cut: whether the chain is not followed further, since it has its greatest depth, or comes to an account
            that it has passed.
    """

    merge: Merge
    other: str
    further: tuple[Link, ...] = ()
    is_cut: bool = False

    def fields(self) -> Mapping[str, Any]:
        """It for JSON."""
        merge = {field.name: getattr(self.merge, field.name) for field in fields(self.merge)}
        further = [link.fields() for link in self.further]
        return {**merge, "outcome": self.merge.outcome, "further": further, "cut": self.is_cut}


@dataclass(frozen=True, slots=True)
class AccountHistory:
    """What is known of an account's merges: those of others into it, and those of it into others."""

    account: str
    into_it: tuple[Link, ...]
    out_of_it: tuple[Link, ...]


async def read_history(merging: Merging, account: str, depth: int) -> AccountHistory:
    """Read the merges of an account.

    Args:
        merging: the tables.
        account: the account.
        depth: of how many merges a chain has at most; 1 for those of the account itself.

    Raises:
        StoreError: if Cassandra fails.
    """

    async def follow(
        read: Callable[[Merging, str], Awaitable[list[Merge]]], passed: tuple[str, ...]
    ) -> tuple[Link, ...]:
        links = []
        for merge in await read(merging, passed[-1]):
            other = merge.into_account if merge.from_account == passed[-1] else merge.from_account
            if len(passed) < depth and other not in passed:
                links.append(Link(merge, other, await follow(read, (*passed, other))))
            else:
                links.append(Link(merge, other, is_cut=bool(await read(merging, other))))
        return tuple(links)

    return AccountHistory(account, await follow(merges_into, (account,)), await follow(merges_out_of, (account,)))
