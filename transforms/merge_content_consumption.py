"""MergeContentConsumption: user_content_consumption and the ledger of its view counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from transforms.dofns.account_fn import Merging
from transforms.dofns.merge_table import MergeTable, PlannedPart
from transforms.rules.changes import Change
from transforms.rules.content_consumption import BatchWrites, content_rules, merge_content_consumption
from transforms.rules.rows import RowWrite, StoredRow
from transforms.store.changes import changes_of
from transforms.store.content_consumption import ContentConsumption
from transforms.store.ledger import Ledger
from transforms.store.values import now_ms


async def _write(contents: ContentConsumption, ledger: Ledger | None, batches: list[BatchWrites]) -> None:
    """The facts before the rows, so that no row is there of which the ledger does not know."""
    if ledger:
        await ledger.add(batches)
    await contents.write(batches)


def _changes(
    contents: ContentConsumption, ledger: Ledger | None, batches: list[BatchWrites], to_rows: list[StoredRow]
) -> list[Change]:
    """The changes of the rows, and of the ledger, which only ever gets new ones."""
    changes = changes_of(
        contents.table, contents.columns, (row for batch in batches for row in batch.rows), to_rows
    )
    if ledger:
        facts = (RowWrite(fact) for batch in batches for fact in batch.facts)
        changes += changes_of(ledger.table, ledger.columns, facts, ())
    return changes


class MergeContentConsumption(MergeTable):
    """Merges user_content_consumption, each view counted once (design.md, "Counting each view once")."""

    table = "content_consumption"
    stored = (ContentConsumption,)

    @staticmethod
    async def plan(merging: Merging, from_account: str, to_account: str, mid: str) -> AsyncIterator[PlannedPart]:
        """What merging two accounts' rows takes (MergeTable.plan), in parts of whole courses."""
        contents = await merging.store.table(ContentConsumption)
        ledger = await merging.store.table(Ledger) if merging.merge_ledger else None
        # Of both accounts the rows before the ledger (design.md, "Counting each view once"): other workers may be
        # merging into either right now. They add facts first, so that a ledger that is newer than the rows knows
        # of all that is in them; one that is older would leave views of others to be taken for the account's own.
        async for from_rows in contents.parts(from_account):
            courses = contents.courses(from_rows)
            to_rows = await contents.of_courses(to_account, courses)
            facts = await ledger.facts((from_account, to_account), courses) if ledger else {}
            from_facts, to_facts = facts.get(from_account, []), facts.get(to_account, [])
            batches = merge_content_consumption(
                from_account,
                to_account,
                contents.pairs(from_rows, to_rows),
                from_facts,
                to_facts,
                rules=content_rules(merging.dates, contents.key),
                mid=mid,
                now=now_ms(),
                ledger=merging.merge_ledger,
            )
            yield PlannedPart(
                rows_read=len(from_rows) + len(to_rows) + len(from_facts) + len(to_facts),
                rows_to_write=sum(len(batch.rows) + len(batch.facts) for batch in batches),
                write=partial(_write, contents, ledger, batches),
                changes=partial(_changes, contents, ledger, batches, to_rows),
            )
