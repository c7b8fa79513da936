"""What an account has, in numbers: two of them side by side show whether a merge goes the right way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.operators.merges import merges_into
from transforms.dofns.account_fn import Merging
from transforms.rules.attempt_details import attempt_ids
from transforms.rules.rows import Row
from transforms.store.activity_aggregates import ActivityAggregates
from transforms.store.assessments import Assessments
from transforms.store.content_consumption import ContentConsumption
from transforms.store.merge_log import MergeLog
from transforms.store.user_enrolments import UserEnrolments

_COMPLETED = 2
"""The status of an enrolment, or of a content, that is completed."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge of the account into another, when it was last asked for, in UTC."""

    into: str
    merged_on: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """What an account has.

    Attributes:
        id: its id.
        enrolments: enrolments in batches.
        enrolments_completed: those that are completed.
        contents: contents that were opened.
        contents_completed: those that are completed.
        certificates: certificates, each counted once.
        attempts: attempts at assessments, each counted once.
        last_access: when a content was last opened, in UTC; None for never.
        merges: its merges into others before; None where no log is kept.
        received: the accounts that were merged into it before; None where no history is kept.
    """

    id: str
    enrolments: int
    enrolments_completed: int
    contents: int
    contents_completed: int
    certificates: int
    attempts: int
    last_access: datetime | None
    merges: tuple[Merge, ...] | None
    received: tuple[str, ...] | None

    @property
    def is_empty(self) -> bool:
        """Whether it has no course history."""
        return not self.enrolments and not self.contents

    def lines(self) -> Iterator[tuple[str, Any]]:
        """What it has, each with its name for people."""
        yield "enrolments", self.enrolments
        yield "enrolments completed", self.enrolments_completed
        yield "contents", self.contents
        yield "contents completed", self.contents_completed
        yield "certificates", self.certificates
        yield "attempts at assessments", self.attempts
        yield "last access, in UTC", self.last_access
        if self.merges is not None:
            yield "merges into others so far", len(self.merges)
        if self.received is not None:
            yield "merges into it so far", len(self.received)


async def read_accounts(
    merging: Merging, from_account: str, to_account: str, *, keeps_history: bool
) -> tuple[Account, Account]:
    """What both accounts have.

    Args:
        merging: the tables.
        from_account: the one whose history would be merged.
        to_account: the one that would receive it.
        keeps_history: whether there is a history of merges.

    Raises:
        StoreError: if Cassandra fails.
    """
    ids = from_account, to_account
    enrolments = await merging.store.table(UserEnrolments)
    stored = await enrolments.rows(*ids)
    rows = [[enrolments.columns.readable(row) for row in rows] for rows in stored]
    batches = enrolments.keys(*stored)
    aggregates = await merging.store.table(ActivityAggregates)
    aggregated = await aggregates.rows(*ids, sorted({course for course, _ in batches}))
    attempts = await _attempts(merging, ids, batches)
    found = []
    for at, account in enumerate(ids):
        details = (detail for row in aggregated[at] for detail in row.get("agg_details") or ())
        contents, completed, accessed = await _contents(merging, account)
        found.append(
            Account(
                id=account,
                enrolments=len(rows[at]),
                enrolments_completed=sum(row.get("status") == _COMPLETED for row in rows[at]),
                contents=contents,
                contents_completed=completed,
                certificates=_certificates(rows[at]),
                attempts=len(attempts[at] | attempt_ids(details)),
                last_access=accessed,
                merges=await _merges(merging, account),
                received=await _received(merging, account) if keeps_history else None,
            )
        )
    return found[0], found[1]


async def _contents(merging: Merging, account: str) -> tuple[int, int, datetime | None]:
    """How many contents, how many of them completed, and the last access of all."""
    contents = await merging.store.table(ContentConsumption)
    count = completed = 0
    accessed: list[datetime] = []
    async for part in contents.parts(account):
        rows = [contents.columns.readable(row) for row in part]
        count += len(rows)
        completed += sum(row.get("status") == _COMPLETED for row in rows)
        accessed += [time for row in rows if isinstance(time := row.get("last_access_time"), datetime)]
        accessed = [max(accessed)] if accessed else []
    return count, completed, accessed[0] if accessed else None


async def _attempts(
    merging: Merging, ids: tuple[str, str], batches: Collection[tuple[str, str]]
) -> list[set[str]]:
    """The ids of the attempts of each account in assessment_aggregator, if there is such a table."""
    assessments = await merging.store.table(Assessments)
    if assessments.table is None:
        return [set(), set()]
    both = await assessments.rows(*ids, batches)
    return [{assessments.columns.row(row)["attempt_id"] for row in rows} for rows in both]


async def _merges(merging: Merging, account: str) -> tuple[Merge, ...] | None:
    if not merging.merge_ledger:
        return None
    log = await merging.store.table(MergeLog)
    rows = map(log.columns.readable, await log.rows(account))
    return tuple(Merge(row["intoid"], row.get("merged_on")) for row in rows)


async def _received(merging: Merging, account: str) -> tuple[str, ...]:
    return tuple(merge.from_account for merge in await merges_into(merging, account))


def _certificates(enrolments: Iterable[Row]) -> int:
    """Certificates by their identifier; one without is counted whole."""
    return len(
        {
            certificate.get("identifier") or str(sorted(certificate.items()))
            for row in enrolments
            for column in ("issued_certificates", "certificates")
            for certificate in row.get(column) or ()
        }
    )
