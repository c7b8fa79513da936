"""MergeContentConsumption: user_content_consumption and its ledger."""

from __future__ import annotations

from transforms.elements import MergeEvent
from transforms.merge_table import MergeTable, MergeTableFn, TableChange
from transforms.plans import Plans


class MergeContentConsumptionFn(MergeTableFn):
    """Merges progress of contents (transforms.rules.content_consumption); elements as of MergeTable."""

    table = "content_consumption"

    def work(self, plans: Plans, item: MergeEvent) -> TableChange:
        """Merge one event's rows, and write them with their ledger rows."""
        batches, rows_read = plans.content_consumption(item.from_account, item.to_account)
        plans.tables.write_content_consumption(batches)
        return TableChange(rows_read, sum(len(batch.rows) + len(batch.ledger) for batch in batches))


class MergeContentConsumption(MergeTable):
    """Merges user_content_consumption, each view counted once (design.md, "Counting each view once")."""

    fn = MergeContentConsumptionFn
