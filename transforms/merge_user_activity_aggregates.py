"""MergeUserActivityAggregates: user_activity_agg."""

from __future__ import annotations

from transforms.elements import MergeEvent
from transforms.merge_table import MergeTable, MergeTableFn, TableChange
from transforms.plans import Plans


class MergeUserActivityAggregatesFn(MergeTableFn):
    """Merges per-course aggregates (transforms.rules.activity_aggregates); elements as of MergeTable."""

    table = "user_activity_agg"

    async def work(self, plans: Plans, item: MergeEvent) -> TableChange:
        """Merge one event's rows and write them."""
        writes, rows_read = await plans.user_activity_agg(item.from_account, item.to_account)
        await plans.tables.write_activity_aggregates(writes)
        return TableChange(rows_read, len(writes))


class MergeUserActivityAggregates(MergeTable):
    """Merges user_activity_agg, for every course that the from account is enrolled in."""

    fn = MergeUserActivityAggregatesFn
