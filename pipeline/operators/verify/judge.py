"""Judges merges: reads what they left in the tables, and says what is not as it should be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from pipeline.operators.details import Detail, details, read_as
from pipeline.operators.merges import Merge
from pipeline.operators.verify.judgements import (
    Content,
    Finding,
    below_floor,
    has_counts_alone,
    hidden_from_readers,
)
from pipeline.printable import printable
from transforms.dofns.account_fn import Merging
from transforms.event_history import BEGAN, FAILED
from transforms.rules.changes import Change
from transforms.rules.content_consumption import COUNTERS
from transforms.rules.rows import Row
from transforms.settings import MergeSettings
from transforms.store.activity_aggregates import ActivityAggregates
from transforms.store.content_consumption import ContentConsumption
from transforms.store.ledger import Ledger
from transforms.store.merge_history import HISTORY_TABLE
from transforms.store.merge_log import MERGE_LOG_TABLE
from transforms.store.user_enrolments import UserEnrolments
from transforms.table_merges import TABLE_MERGES

_ACCOUNT = frozenset({"userid", "user_id"})
"""What the tables call the account."""


async def judge_rows(merging: Merging, from_account: str, to_account: str) -> list[Finding]:
    """What the rows of two accounts lack of a merge of the one into the other.

    Raises:
        StoreError: if Cassandra fails.
    """
    return [
        *await _left_to_write(merging, from_account, to_account),
        *await _counts_alone(merging, from_account, to_account),
        *await _hidden(merging, from_account, to_account),
    ]


async def judge_counts(merging: Merging, account: str) -> list[Finding]:
    """The counts of an account that are below what its ledger says.

    Raises:
        StoreError: if Cassandra fails.
    """
    contents, ledger = await merging.store.table(ContentConsumption), await merging.store.table(Ledger)
    # The ledger first: it is written first, and so rows that are newer have all that it says.
    facts = await ledger.of_account(account)
    rows = {content: row async for content, row in _contents(contents, account)}
    return [
        Finding(
            account,
            None,
            contents.table.name,
            dict(zip(contents.key, content, strict=True)),
            counter,
            f"is {total:,}; the ledger knows of {floor:,}",
        )
        for content, counter, total, floor in below_floor(facts, rows)
    ]


def judge_outcome(merge: Merge, settings: MergeSettings) -> list[Finding]:
    """What the log and the history say against a merge; nothing of one that is older than the history."""

    def finding(table: str, column: str, problem: str) -> list[Finding]:
        return [Finding(merge.into_account, merge.from_account, table, {}, column, problem)]

    if not merge.is_logged:
        return finding(MERGE_LOG_TABLE, "", "has no row of this merge")
    kept = timedelta(days=settings.history_ttl_days)
    if not settings.keeps_history or (merge.began and merge.began < datetime.now(UTC) - kept):
        return []
    if merge.outcome == BEGAN:
        return finding(HISTORY_TABLE, "outcome", "is not there: no event has ended since the merge began")
    if merge.outcome == FAILED:
        return finding(HISTORY_TABLE, "outcome", "is failed: the last event is in the failed topic")
    return []


def no_merge(account: str) -> Finding:
    """That no merge of an account is known."""
    return Finding(account, None, MERGE_LOG_TABLE, {}, "", "has no merge of this account")


async def _left_to_write(merging: Merging, from_account: str, to_account: str) -> list[Finding]:
    """What merging again would write."""
    found: list[Finding] = []
    for stage in TABLE_MERGES:
        async for part in stage.plan(merging, from_account, to_account, ""):
            if part.rows_to_write:
                for change in part.changes():
                    found += _of_change(from_account, to_account, change)
    return found


def _of_change(from_account: str, to_account: str, change: Change) -> list[Finding]:
    key = {column: value for column, value in change.key.items() if column not in _ACCOUNT}
    if change.copied:
        return [Finding(to_account, from_account, change.table, key, "", "is not there")]
    return [
        Finding(to_account, from_account, change.table, key, detail.column, _undone(detail))
        for detail in details(change)
    ]


def _undone(detail: Detail) -> str:
    """What merging again would make of it, as people read it."""
    if detail.is_item:
        gone = f"has {read_as(detail.old)}; merging again takes it away"
        return gone if detail.new is None else f"lacks {read_as(detail.new)}"
    entry = f"{printable(detail.entry)} " if detail.entry else ""
    again = "takes it away" if detail.new is None else f"makes it {read_as(detail.new)}"
    return f"{entry}is {_value(detail.old)}; merging again {again}"


def _value(value: Any) -> str:
    return "not there" if value is None else read_as(value)


async def _counts_alone(merging: Merging, from_account: str, to_account: str) -> list[Finding]:
    """Rows that have nothing but counts, though counts of the from account came to them with more."""
    contents, ledger = await merging.store.table(ContentConsumption), await merging.store.table(Ledger)
    key = "userid", *contents.key
    rows = {content: row async for content, row in _contents(contents, to_account) if has_counts_alone(row, key)}
    if not rows:
        return []
    facts = await ledger.facts((to_account,), sorted({course for course, _, _ in rows}))
    came = {
        (fact["courseid"], fact["batchid"], content)
        for fact in facts[to_account]
        if fact["originid"] == from_account
        for counts in (fact["viewcounts"], fact["completedcounts"])
        for content in counts or ()
    }
    as_they_were = {
        content async for content, row in _contents(contents, from_account) if has_counts_alone(row, key)
    }
    return [
        Finding(
            to_account,
            from_account,
            contents.table.name,
            dict(zip(contents.key, content, strict=True)),
            next(counter for counter in COUNTERS if rows[content].get(counter) is not None),
            "is alone: the row has nothing but counts",
        )
        for content in sorted((rows.keys() & came) - as_they_were)
    ]


async def _hidden(merging: Merging, from_account: str, to_account: str) -> list[Finding]:
    """What readers saw of the from account's aggregates, and do not see of the to account's."""
    enrolments = await merging.store.table(UserEnrolments)
    aggregates = await merging.store.table(ActivityAggregates)
    courses = sorted({course for course, _ in await enrolments.enrolled_in(from_account)})
    from_rows, to_rows = await aggregates.rows(from_account, to_account, courses)
    to_row_of = {(row["activity_id"], row["context_id"]): row for row in to_rows}
    found = []
    for row in from_rows:
        key = {"activity_id": row["activity_id"], "context_id": row["context_id"]}
        for name, saw, see in hidden_from_readers(row, to_row_of.get((*key.values(),), {})):
            problem = (
                f"{printable(name)} is {_value(see)} for readers, who saw {read_as(saw)} of the other account"
            )
            found.append(Finding(to_account, from_account, aggregates.table.name, key, "aggregates", problem))
    return found


async def _contents(contents: ContentConsumption, account: str) -> AsyncIterator[tuple[Content, Row]]:
    """The account's rows of user_content_consumption, each with its course, batch and content."""
    async for part in contents.parts(account):
        for stored in part:
            row = contents.columns.row(stored)
            yield cast(Content, tuple(row[column] for column in contents.key)), row
