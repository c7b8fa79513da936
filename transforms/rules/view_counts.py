"""How often contents were viewed, each view counted once (design.md, "Counting each view once").

An account's total of a content is what it counted itself, its own count, and what came to it from other accounts,
the origins. The ledger says how much of each, in facts that are only ever added: of two about the same origin and
content the larger count holds. A total is never trusted alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from transforms.rules.rows import Row

MAX_INT = 2_147_483_647
"""The largest value of Cassandra's int, at which totals stop."""

MAPS = {"viewcount": "viewcounts", "completedcount": "completedcounts"}
"""The columns of user_content_consumption that are summed, and the map of a fact for each."""

ByOrigin = Mapping[str, int]
"""Counts of one content by the account they came from; that of the account itself is its own count."""

Ledger = Mapping[str, ByOrigin]
"""What a ledger says of one counter, by content."""

Raised = dict[str, dict[str, int]]
"""Counts that a merge raises, by origin and content."""

Totals = tuple[str, int, int]
"""A content, and its totals in the from account and the to account; null counts as 0."""

_NOTHING: ByOrigin = {}


def known(facts: Iterable[Row], counter: str) -> Ledger:
    """What facts of one account and batch say of a counter: an origin's count is the largest of its facts."""
    ledger: dict[str, dict[str, int]] = {}
    for fact in facts:
        origin = fact["originid"]
        for content, count in (fact.get(MAPS[counter]) or _NOTHING).items():
            by_origin = ledger.setdefault(content, {})
            if count > by_origin.get(origin, 0):
                by_origin[origin] = count
    return ledger


def vector(account: str, total: int, recorded: ByOrigin) -> dict[str, int]:
    """The counts of all origins in an account's total, its own among them (step 2).

    Args:
        account: the account.
        total: its total of a content, read before the ledger.
        recorded: what its ledger says of the content.
    """
    recorded_own = recorded.get(account, 0)
    received = sum(recorded.values()) - recorded_own
    return {**recorded, account: max(recorded_own, total - received)}


def merged(to_account: str, from_vector: ByOrigin, to_vector: ByOrigin) -> dict[str, int]:
    """The to account's vector once the from account is merged into it (step 3); its own count stays as it is."""
    new = dict(to_vector)
    for origin, count in from_vector.items():
        if origin != to_account and count > new.get(origin, 0):
            new[origin] = count
    return new


def new_total(total: int, old: ByOrigin, new: ByOrigin) -> int:
    """The to account's total when its vector is raised from `old` to `new` (step 5).

    What is raised is added to the total as it was read, and own count and all that was received are a floor for
    it: so a total that fell behind the ledger is mended.
    """
    floor = sum(new.values())
    return min(max(total + floor - sum(old.values()), floor), MAX_INT)


def merge_counts(
    from_account: str, to_account: str, totals: Iterable[Totals], from_ledger: Ledger, to_ledger: Ledger
) -> tuple[list[int], Raised]:
    """Merge one counter of one course batch.

    Args:
        from_account: the account whose counts are merged.
        to_account: the account that receives them.
        totals: of each content, read before the ledgers (step 1).
        from_ledger: what the from account's ledger says of the counter in this batch.
        to_ledger: what the to account's says.

    Returns:
        The to account's new total of each content, in the order of `totals`, and the counts that its ledger must
        say before they are written (step 4): those that rose, of the contents that received something. Its own
        count is one of them where it rose.
    """
    results: list[int] = []
    raised: Raised = {}
    for content, from_total, to_total in totals:
        given, received = from_ledger.get(content, _NOTHING), to_ledger.get(content, _NOTHING)
        if not (given or received):
            # Of by far the most contents nothing is known: both totals are own counts. What is below comes to the
            # same (a test compares them), at several times the cost.
            if from_total > 0:
                raised.setdefault(from_account, {})[content] = from_total
                if to_total > 0:
                    raised.setdefault(to_account, {})[content] = to_total
                to_total = min(to_total + from_total, MAX_INT)
            results.append(to_total)
            continue
        old = vector(to_account, to_total, received)
        new = merged(to_account, vector(from_account, from_total, given), old)
        results.append(new_total(to_total, old, new))
        if new != old:
            for origin, count in new.items():
                if count > received.get(origin, 0):
                    raised.setdefault(origin, {})[content] = count
    return results, raised


def new_facts(key: Row, raised: Mapping[str, Raised]) -> list[Row]:
    """Counts that were raised as facts, rows of the ledger: one for each origin, in the order of the origins.

    Args:
        key: the columns that all of them have: account and batch, and which event recorded them when.
        raised: by counter, of one batch.
    """
    origins = sorted({origin for by_origin in raised.values() for origin in by_origin})
    return [key | _fact(origin, raised) for origin in origins]


def _fact(origin: str, raised: Mapping[str, Raised]) -> Row:
    maps = {MAPS[counter]: by_origin[origin] for counter, by_origin in raised.items() if origin in by_origin}
    return {"originid": origin, "fact": digest(maps), **maps}


def digest(maps: Mapping[str, Any]) -> str:
    """The name of a fact: a digest of what it says, so that the same fact written again is the same row."""
    said = json.dumps(maps, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
