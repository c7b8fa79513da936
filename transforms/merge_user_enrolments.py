"""MergeUserEnrolments: user_enrolments."""

from __future__ import annotations

from transforms.elements import MergeEvent
from transforms.merge_table import MergeTable, MergeTableFn, TableChange
from transforms.plans import Plans


class MergeUserEnrolmentsFn(MergeTableFn):
    """Merges enrolments (transforms.rules.enrolments); elements as of MergeTable."""

    table = "user_enrolments"

    async def work(self, plans: Plans, item: MergeEvent) -> TableChange:
        """Merge one event's rows and write them."""
        writes, batches, rows_read = await plans.user_enrolments(item.from_account, item.to_account)
        await plans.tables.write_enrolments(writes)
        return TableChange(rows_read, len(writes), tuple(sorted(batches)))


class MergeUserEnrolments(MergeTable):
    """Merges user_enrolments; its TableMerge names the enrolments that the to account now has."""

    fn = MergeUserEnrolmentsFn
