"""MergeUserEnrolments: user_enrolments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from transforms.dofns.account_fn import Merging
from transforms.dofns.merge_table import MergeTable, PlannedPart
from transforms.rules.enrolments import merge_user_enrolments
from transforms.store.changes import changes_of
from transforms.store.user_enrolments import UserEnrolments


class MergeUserEnrolments(MergeTable):
    """Merges user_enrolments; its TableMerge names the enrolments that the to account now has."""

    table = "user_enrolments"
    stored = (UserEnrolments,)

    @staticmethod
    async def plan(merging: Merging, from_account: str, to_account: str, mid: str) -> AsyncIterator[PlannedPart]:
        """What merging two accounts' rows takes (MergeTable.plan)."""
        enrolments = await merging.store.table(UserEnrolments)
        from_rows, to_rows = await enrolments.rows(from_account, to_account)
        writes = merge_user_enrolments(to_account, enrolments.pairs(from_rows, to_rows), dates=merging.dates)
        yield PlannedPart(
            rows_read=len(from_rows) + len(to_rows),
            rows_to_write=len(writes),
            write=partial(enrolments.write, writes),
            changes=partial(changes_of, enrolments.table, enrolments.columns, writes, to_rows),
            enrolments=tuple(enrolments.keys(from_rows, to_rows)),
        )
