"""The rules of user_content_consumption, and of the ledger that counts each view once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice
from typing import Any

from transforms.rules.dates import TextDates
from transforms.rules.joins import larger, later
from transforms.rules.rows import Pair, Row, RowWrite
from transforms.rules.table_rules import FromLaterSide, TableRules
from transforms.rules.view_counts import MAPS, MAX_INT, Raised, Totals, known, merge_counts, new_facts

_CONTENTS_A_FACT = 10_000
"""A bound of what is in one mutation whole: a fact of so many contents has about 600 KB."""

KEY = "courseid", "batchid", "contentid"
KEY_OF_NEWER_RELEASES = "collectionid", "contextid", "contentid"
"""The columns of the primary key but for the account, by release: course, batch and content."""

COUNTERS = tuple(MAPS)
"""The columns that are summed."""


@dataclass(frozen=True, slots=True)
class BatchWrites:
    """All that is written for one course batch of the to account, or for a part of a large one.

    Attributes:
        courseid: the course.
        batchid: the batch.
        rows: rows of user_content_consumption.
        facts: rows of the ledger, to be written first: no row may be sent before they are acknowledged.
    """

    courseid: str
    batchid: str
    rows: list[RowWrite]
    facts: list[Row]


def merge_content_consumption(
    from_account: str,
    to_account: str,
    pairs: Iterable[Pair],
    from_ledger: Iterable[Row],
    to_ledger: Iterable[Row],
    *,
    rules: TableRules,
    mid: str,
    now: Any,
    ledger: bool,
) -> list[BatchWrites]:
    """Merge the from account's content rows into the to account's, each view counted once.

    The source of the columns' rules is design.md, "The merge, table by table", of the sums "Counting each view
    once". Of either account the rows must have been read before the ledger: a total that is newer than the ledger
    has views of others that the ledger does not know of, which would be taken for the account's own.

    Args:
        from_account: the account whose rows are merged.
        to_account: the account that receives them.
        pairs: the content rows of the from account, of whole course batches, in the order of their keys, each
            with the to account's and the counts of COUNTERS.
        from_ledger: all facts of the from account about these batches.
        to_ledger: all facts of the to account about these batches.
        rules: content_rules() of the table.
        mid: the message id of the event, for the facts.
        now: the time of the merge, for the facts.
        ledger: whether to keep the ledger; if not, counts are plainly summed, at every merge again.

    Returns:
        The course batches with something to write, in the order of their keys.
    """
    from_facts, to_facts = _by_batch(from_ledger), _by_batch(to_ledger)
    batches = []
    for batch, in_batch in _batches(pairs):
        totals: list[list[int]] = []
        raised: dict[str, Raised] = {}
        for place, counter in enumerate(COUNTERS):
            before = [(pair.key[2], pair.from_counts[place] or 0, pair.to_counts[place] or 0) for pair in in_batch]
            if ledger:
                from_known, to_known = (known(facts.get(batch, ()), counter) for facts in (from_facts, to_facts))
                new, raised[counter] = merge_counts(from_account, to_account, before, from_known, to_known)
            else:
                new = _plain_sums(before)
            totals.append(new)
        rows = []
        for pair, *after in zip(in_batch, *totals, strict=True):
            copied = pair.differences is None
            values = rules.changes(pair.differences) if pair.differences else {}
            counts = zip(COUNTERS, after, pair.from_counts, pair.to_counts, strict=True)
            for counter, total, from_count, to_count in counts:
                # The sum of two nulls is null.
                is_null = not total and from_count is None and to_count is None
                if not is_null and total != (from_count if copied else to_count):
                    values[counter] = total
            if copied or values:
                rows.append(rules.write(to_account, pair, values))
        key = {"userid": to_account, "courseid": batch[0], "batchid": batch[1], "mid": mid, "recorded_on": now}
        facts = new_facts(key, raised)
        if rows or facts:
            batches.append(BatchWrites(batch[0], batch[1], rows, facts))
    return batches


def _batches(pairs: Iterable[Pair]) -> Iterator[tuple[tuple[str, ...], list[Pair]]]:
    """Pairs by course batch; a large one in parts, so that no fact is too large to be written."""
    for batch, group in groupby(pairs, key=lambda pair: pair.key[:2]):
        while in_batch := list(islice(group, _CONTENTS_A_FACT)):
            yield batch, in_batch


@lru_cache
def content_rules(dates: TextDates, key: tuple[str, str, str] = KEY) -> TableRules:
    """The rules of the columns, in design.md's order; `key` is what the table calls course, batch and content."""
    return TableRules(
        account="userid",
        key=key,
        columns={
            "status": larger,
            "progress": larger,
            "completionpercentage": larger,
            "datetime": later,
            "last_access_time": later,
            "last_completed_time": later,
            "last_updated_time": later,
            "lastaccesstime": dates.later,
            "lastcompletedtime": dates.later,
            "lastupdatedtime": dates.later,
            "progressdetails": FromLaterSide("last_access_time"),
        },
        counters=COUNTERS,
    )


def _by_batch(ledger: Iterable[Row]) -> dict[tuple[str, ...], list[Row]]:
    batches: dict[tuple[str, ...], list[Row]] = {}
    for fact in ledger:
        batches.setdefault((fact["courseid"], fact["batchid"]), []).append(fact)
    return batches


def _plain_sums(totals: Iterable[Totals]) -> list[int]:
    return [min(from_total + to_total, MAX_INT) for _, from_total, to_total in totals]
