"""MergeUserActivityAggregates: user_activity_agg."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from transforms.dofns.account_fn import Merging
from transforms.dofns.merge_table import MergeTable, PlannedPart
from transforms.rules.activity_aggregates import merge_user_activity_aggregates
from transforms.store.activity_aggregates import ActivityAggregates
from transforms.store.changes import changes_of
from transforms.store.user_enrolments import UserEnrolments
from transforms.store.values import now_ms


class MergeUserActivityAggregates(MergeTable):
    """Merges user_activity_agg, for every course that the from account is enrolled in."""

    table = "user_activity_agg"
    stored = (ActivityAggregates, UserEnrolments)

    @staticmethod
    async def plan(merging: Merging, from_account: str, to_account: str, mid: str) -> AsyncIterator[PlannedPart]:
        """What merging two accounts' rows takes (MergeTable.plan)."""
        enrolments = await merging.store.table(UserEnrolments)
        aggregates = await merging.store.table(ActivityAggregates)
        courses = sorted({courseid for courseid, _ in await enrolments.enrolled_in(from_account)})
        from_rows, to_rows = await aggregates.rows(from_account, to_account, courses)
        writes = merge_user_activity_aggregates(to_account, from_rows, to_rows, now=now_ms())
        yield PlannedPart(
            rows_read=len(from_rows) + len(to_rows),
            rows_to_write=len(writes),
            write=partial(aggregates.write, writes),
            changes=partial(changes_of, aggregates.table, aggregates.columns, writes, to_rows),
        )
