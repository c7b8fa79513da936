"""The rules of user_content_consumption, and of the ledger that counts each view once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from transforms.rules.dates import TextDates
from transforms.rules.joins import larger
from transforms.rules.rows import Row, RowWrite
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

_COUNTERS = {"viewcount": "viewcounts", "completedcount": "completedcounts"}
"""The columns that are summed, and the ledger's map for each."""


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
    from_rows: Iterable[Row],
    to_rows: Iterable[Row],
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
        from_rows: all content rows of the from account.
        to_rows: all content rows of the to account.
        from_ledger: all ledger rows of the from account.
        to_ledger: all ledger rows of the to account.
        dates: compares text dates.
        now: the time of the merge.
        ledger: whether to keep the ledger; if not, counts are plainly summed, at every merge again.

    Returns:
        The course batches with something to write, in the order of their keys.
    """
    rules = TableRules(
        account="userid",
        key=("courseid", "batchid", "contentid"),
        joins=dict.fromkeys(_LARGER, larger) | dict.fromkeys(_LATER_TEXT, dates.later),
        together={"last_access_time": ("progressdetails",)},
    )
    from_ledgers, to_ledgers = _by_batch(from_ledger), _by_batch(to_ledger)
    batches = []
    for batch, pairs in groupby(rules.pairs(from_rows, to_rows), key=lambda pair: _batch(pair[0])):
        contributed = _BatchLedger(from_ledgers.get(batch, ()))
        received = _BatchLedger(to_ledgers.get(batch, ()))
        rows = []
        for theirs, own in pairs:
            values = rules.values(theirs, own)
            for counter in _COUNTERS:
                if ledger:
                    vector = contributed.vector(from_account, counter, theirs)
                    added = received.add(vector, to_account, counter, theirs["contentid"])
                else:
                    added = theirs.get(counter) or 0
                values |= _total(counter, theirs, own, added)
            if own is None or values:
                rows.append(rules.write(to_account, theirs, own, values))
        ledger_rows = received.changed_rows(to_account, batch, now)
        if rows or ledger_rows:
            batches.append(BatchWrites(*batch, rows, ledger_rows))
    return batches


def _total(counter: str, theirs: Row, own: Row | None, added: int) -> Row:
    old = None if own is None else own.get(counter)
    there = theirs.get(counter) if own is None else old
    total = min((old or 0) + added, MAX_INT)
    if total == there or (old is None and theirs.get(counter) is None and not added):
        return {}
    return {counter: total}


def _batch(row: Row) -> tuple[str, str]:
    return row["courseid"], row["batchid"]


def _by_batch(ledger: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    batches: dict[tuple[str, str], list[Row]] = {}
    for row in ledger:
        batches.setdefault(_batch(row), []).append(row)
    return batches


class _BatchLedger:
    """Which origin contributed how much to the contents of one course batch of an account.

    Grow-only counters, one for each origin: an entry is only ever replaced by a larger one, so that counting the
    same views again adds nothing.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: dict[str, Row] = {row["originid"]: row for row in rows}
        self._counts: dict[str, dict[str, dict[str, int]]] = {}
        self._changed: set[str] = set()

    def vector(self, account: str, counter: str, row: Row) -> dict[str, int]:
        """What each origin, the account itself included, contributed to a content row of the account."""
        if not self._rows:
            return {account: max(row.get(counter) or 0, 0)}
        entries = {
            origin: count
            for origin, ledger_row in self._rows.items()
            if (count := _counts(ledger_row, counter).get(row["contentid"]))
        }
        return entries | {account: max((row.get(counter) or 0) - sum(entries.values()), 0)}

    def add(self, vector: Mapping[str, int], account: str, counter: str, contentid: str) -> int:
        """Raise the entries of a content to those of the vector, but for the account's own; by how much in all."""
        added = 0
        for origin, count in vector.items():
            if origin == account:
                continue
            counts = self._counts_of(origin)[counter]
            increase = count - counts.get(contentid, 0)
            if increase > 0:
                counts[contentid] = count
                self._changed.add(origin)
                added += increase
        return added

    def changed_rows(self, account: str, batch: tuple[str, str], now: Any) -> list[Row]:
        """The ledger rows of origins of which an entry was raised, in the order of the origins."""
        return [
            {"userid": account, "courseid": batch[0], "batchid": batch[1], "originid": origin, "updated_on": now}
            | {_COUNTERS[counter]: counts for counter, counts in self._counts[origin].items() if counts}
            for origin in sorted(self._changed)
        ]

    def _counts_of(self, origin: str) -> dict[str, dict[str, int]]:
        if origin not in self._counts:
            row = self._rows.get(origin, {})
            self._counts[origin] = {counter: dict(_counts(row, counter)) for counter in _COUNTERS}
        return self._counts[origin]


def _counts(row: Row, counter: str) -> Mapping[str, int]:
    return row.get(_COUNTERS[counter]) or {}
