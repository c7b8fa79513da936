"""MergeAssessments: assessment_aggregator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from transforms.dofns.account_fn import Merging
from transforms.dofns.merge_table import MergeTable, PlannedPart
from transforms.rules.assessments import merge_assessments
from transforms.store.assessments import Assessments
from transforms.store.changes import changes_of
from transforms.store.user_enrolments import UserEnrolments


class MergeAssessments(MergeTable):
    """Merges the attempts at assessments, for every batch that the from account is enrolled in.

    Where there is no such table, or none is configured, nothing is read and nothing is written.
    """

    table = "assessment_aggregator"
    stored = (Assessments, UserEnrolments)

    @staticmethod
    async def plan(merging: Merging, from_account: str, to_account: str, mid: str) -> AsyncIterator[PlannedPart]:
        """What merging two accounts' rows takes (MergeTable.plan)."""
        assessments = await merging.store.table(Assessments)
        if assessments.table is None:
            return
        enrolments = await merging.store.table(UserEnrolments)
        batches = await enrolments.enrolled_in(from_account)
        from_rows, to_rows = await assessments.rows(from_account, to_account, batches)
        writes = merge_assessments(to_account, assessments.pairs(from_rows, to_rows), assessments.rules)
        yield PlannedPart(
            rows_read=len(from_rows) + len(to_rows),
            rows_to_write=len(writes),
            write=partial(assessments.write, writes),
            changes=partial(changes_of, assessments.table, assessments.columns, writes, to_rows),
        )
