"""MergeContentConsumption: user_content_consumption and its ledger."""

from __future__ import annotations

from transforms.elements import MergeEvent
from transforms.merge_table import MergeTable, MergeTableFn, TableChange
from transforms.plans import Plans


class MergeContentConsumptionFn(MergeTableFn):
    """Merges progress of contents (transforms.rules.content_consumption); elements as of MergeTable."""

    table = "content_consumption"

    async def work(self, plans: Plans, item: MergeEvent) -> TableChange:
        """Merge one event's rows part by part, and write each with its ledger rows."""
        rows_read = rows_written = 0
        async for batches, read in plans.content_consumption(item.from_account, item.to_account):
            await plans.tables.write_content_consumption(batches)
            rows_read += read
            rows_written += sum(len(batch.rows) + len(batch.ledger) for batch in batches)
        return TableChange(rows_read, rows_written)


class MergeContentConsumption(MergeTable):
    """Merges user_content_consumption, each view counted once (design.md, "Counting each view once")."""

    fn = MergeContentConsumptionFn
