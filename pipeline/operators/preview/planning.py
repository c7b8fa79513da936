"""What a merge would do: the job's own plans, asked and not carried out."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.operators.preview.accounts import read_accounts
from pipeline.operators.preview.preview import Preview
from transforms.dofns.account_fn import Merging
from transforms.rules.changes import Change
from transforms.store.merge_log import MergeLog
from transforms.table_merges import planned_parts, would_write


async def plan_merge(
    merging: Merging, from_account: str, to_account: str, course: str | None = None, *, keeps_history: bool = True
) -> Preview:
    """Read all that a merge would read, and say what it would write.

    Args:
        merging: the tables and the rules, as the job has them.
        from_account: the account whose history would be merged.
        to_account: the account that would receive it.
        course: the only course to tell of; None for all.
        keeps_history: whether there is a history of merges.

    Raises:
        StoreError: if Cassandra fails.
    """
    asked_at = datetime.now(UTC)
    from_, to = await read_accounts(merging, from_account, to_account, keeps_history=keeps_history)
    changes: list[Change] = []
    enrolments: list[tuple[str, str]] = []
    async for part in planned_parts(merging, from_account, to_account):
        changes += part.changes()
        enrolments += part.enrolments
    return Preview(
        from_account=from_,
        to_account=to,
        asked_at=asked_at,
        course=course,
        changes=tuple(change for change in changes if course in (None, change.course)),
        requests=tuple(enrolment for enrolment in enrolments if course in (None, enrolment[0])),
        follow_ups=await _follow_ups(merging, from_account, to_account),
    )


async def _follow_ups(merging: Merging, from_account: str, to_account: str) -> tuple[str, ...]:
    """The accounts into which the to account was merged before, and which would lack anything of it then.

    After the merge it has what either account has now, and since rules are joins, another lacks something of that
    if it lacks something of one of the two. What is not foreseen is a follow-up for the sake of a value that the
    merge itself derives of both: it can only go back to the from account (docs/operators.md).
    """
    if not merging.merge_ledger:
        return ()
    log = await merging.store.table(MergeLog)
    found = []
    for into in sorted(row["intoid"] for row in await log.rows(to_account)):
        for account in (from_account, to_account):
            if account != into and await would_write(merging, account, into):
                found.append(into)
                break
    return tuple(found)
