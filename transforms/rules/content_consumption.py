"""The rules of user_content_consumption, and of the ledger that counts each view once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

from transforms.rules.dates import TextDates
from transforms.rules.joins import larger
from transforms.rules.rows import Pair, Row, RowWrite
from transforms.rules.table_rules import TableRules

MAX_INT = 2_147_483_647
"""The largest value of Cassandra's int, at which sums stop."""

_LARGER = (
    "status",
    "progress",
    "completionpercentage",
    "datetime",
    "last_access_time",
    "last_completed_time",
    "last_updated_time",
)
_LATER_TEXT = ("lastaccesstime", "lastcompletedtime", "lastupdatedtime")

_MAPS = {"viewcount": "viewcounts", "completedcount": "completedcounts"}
"""The columns that are summed, and the ledger's map for each."""

KEY = "courseid", "batchid", "contentid"
COUNTERS = tuple(_MAPS)

ByContent = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BatchWrites:
    """All that is written for one course batch of the to account, which goes into one mutation.

    Attributes:
        courseid: the course.
        batchid: the batch.
        rows: rows of user_content_consumption.
        ledger: rows of user_content_merge_ledger, whole: its maps are frozen.
    """

    courseid: str
    batchid: str
    rows: list[RowWrite]
    ledger: list[Row]


def merge_content_consumption(
    from_account: str,
    to_account: str,
    pairs: Iterable[Pair],
    from_ledger: Iterable[Row],
    to_ledger: Iterable[Row],
    *,
    dates: TextDates,
    now: Any,
    ledger: bool,
) -> list[BatchWrites]:
    """Merge the from account's content rows into the to account's, each view counted once.

    The source of the columns' rules is design.md, "The merge, table by table", of the sums "Counting each view
    once". The from rows must have been read before the from ledger: where another merge writes to both between
    the two reads, the account's own counts then come out too small, which a later merge mends; the other way
    round they would come out too large, for good.

    Args:
        from_account: the account whose rows are merged.
        to_account: the account that receives them.
        pairs: the content rows of the from account, of whole course batches, in the order of their keys, each
            with the to account's and the counts of COUNTERS.
        from_ledger: all ledger rows of the from account.
        to_ledger: all ledger rows of the to account.
        dates: compares text dates.
        now: the time of the merge.
        ledger: whether to keep the ledger; if not, counts are plainly summed, at every merge again.

    Returns:
        The course batches with something to write, in the order of their keys.
    """
    rules = content_rules(dates)
    from_ledgers, to_ledgers = _by_batch(from_ledger), _by_batch(to_ledger)
    batches = []
    for batch, group in groupby(pairs, key=lambda pair: pair.key[:2]):
        in_batch = list(group)
        received = _BatchLedger(to_account, to_ledgers.get(batch, ()))
        added: list[tuple[str, ByContent]] = []
        for place, counter in enumerate(COUNTERS):
            counts = {pair.key[2]: pair.counts[place] or 0 for pair in in_batch}
            if ledger:
                shares = _shares(from_account, counts, counter, from_ledgers.get(batch, ()))
                added.append((counter, received.raise_entries(counter, shares)))
            else:
                added.append((counter, counts))
        rows = []
        for pair in in_batch:
            values, copied = rules.values(pair), pair.copied is not None
            for (counter, increases), count, old in zip(added, pair.counts, pair.own_counts, strict=True):
                increase = increases.get(pair.key[2], 0)
                # The sum of two nulls is null.
                if increase or count is not None or old is not None:
                    total = min((old or 0) + increase, MAX_INT)
                    if total != (count if copied else old):
                        values[counter] = total
            if copied or values:
                rows.append(rules.write(to_account, pair, values))
        ledger_rows = received.raised_rows(batch, now)
        if rows or ledger_rows:
            batches.append(BatchWrites(batch[0], batch[1], rows, ledger_rows))
    return batches


@lru_cache
def content_rules(dates: TextDates) -> TableRules:
    """The rules of the columns but for COUNTERS."""
    return TableRules(
        account="userid",
        key=KEY,
        joins=dict.fromkeys(_LARGER, larger) | dict.fromkeys(_LATER_TEXT, dates.later),
        together={"last_access_time": ("progressdetails",)},
    )


def _batch(row: Row) -> tuple[str, str]:
    return row["courseid"], row["batchid"]


def _by_batch(ledger: Iterable[Row]) -> dict[tuple[str, ...], list[Row]]:
    batches: dict[tuple[str, ...], list[Row]] = {}
    for row in ledger:
        batches.setdefault(_batch(row), []).append(row)
    return batches


def _shares(account: str, counts: ByContent, counter: str, ledger: Iterable[Row]) -> dict[str, ByContent]:
    """What each origin contributed to the counts of an account's contents, the rest being the account's own."""
    shares: dict[str, ByContent] = {
        row["originid"]: {content: count for content, count in _entries(row, counter).items() if content in counts}
        for row in ledger
    }
    rest = counts
    for share in shares.values():
        rest = {content: count - share.get(content, 0) for content, count in rest.items()}
    return shares | {account: rest}


class _BatchLedger:
    """Which origin contributed how much to the contents of one course batch of an account.

    Grow-only counters, one for each origin: an entry is only ever replaced by a larger one, so that counting the
    same views again adds nothing.
    """

    def __init__(self, account: str, rows: Iterable[Row]) -> None:
        self._account = account
        self._rows: dict[str, Row] = {row["originid"]: row for row in rows}
        self._raised: dict[str, dict[str, ByContent]] = {}

    def raise_entries(self, counter: str, shares: Mapping[str, ByContent]) -> ByContent:
        """Raise entries that are below the origins' shares, but for the account's own; by how much in all."""
        added: dict[str, int] = {}
        for origin, share in shares.items():
            if origin == self._account:
                continue
            entries = _entries(self._rows.get(origin, {}), counter)
            higher = {content: count for content, count in share.items() if count > entries.get(content, 0)}
            if higher:
                self._raised.setdefault(origin, {})[counter] = {**entries, **higher}
                for content, count in higher.items():
                    added[content] = added.get(content, 0) + count - entries.get(content, 0)
        return added

    def raised_rows(self, batch: tuple[str, ...], now: Any) -> list[Row]:
        """The ledger rows of origins of which an entry was raised, whole, in the order of the origins."""
        key = {"userid": self._account, "courseid": batch[0], "batchid": batch[1], "updated_on": now}
        return [key | {"originid": origin} | self._maps(origin) for origin in sorted(self._raised)]

    def _maps(self, origin: str) -> Row:
        raised, row = self._raised[origin], self._rows.get(origin, {})
        maps = {column: raised.get(counter) or _entries(row, counter) for counter, column in _MAPS.items()}
        return {column: entries for column, entries in maps.items() if entries}


def _entries(row: Row, counter: str) -> ByContent:
    return row.get(_MAPS[counter]) or {}
