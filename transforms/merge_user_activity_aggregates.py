"""MergeUserActivityAggregates: user_activity_agg."""

from __future__ import annotations

from transforms.course_tables import CourseTables, utc_now
from transforms.elements import MergeEvent
from transforms.merge_table import MergeTable, MergeTableFn, TableChange
from transforms.rules.activity_aggregates import merge_user_activity_aggregates


class MergeUserActivityAggregatesFn(MergeTableFn):
    """Merges per-course aggregates; elements as of MergeTable."""

    table = "user_activity_agg"

    def work(self, tables: CourseTables, item: MergeEvent) -> TableChange:
        """Merge one event's rows (transforms.rules.activity_aggregates)."""
        rows = tables.activity_aggregates(item.from_account, (item.from_account, item.to_account))
        from_rows, to_rows = rows[item.from_account], rows[item.to_account]
        writes = merge_user_activity_aggregates(item.to_account, from_rows, to_rows, now=utc_now())
        tables.write_activity_aggregates(writes)
        return TableChange(rows_read=len(from_rows) + len(to_rows), rows_written=len(writes))


class MergeUserActivityAggregates(MergeTable):
    """Merges user_activity_agg, for every course that the from account is enrolled in."""

    fn = MergeUserActivityAggregatesFn
