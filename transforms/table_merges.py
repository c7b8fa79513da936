"""The tables that are merged, one entry each: all that is done for each table goes by this list."""

from __future__ import annotations

from collections.abc import AsyncIterator

from transforms.dofns.account_fn import Merging
from transforms.dofns.merge_table import MergeTable, PlannedPart
from transforms.merge_assessments import MergeAssessments
from transforms.merge_content_consumption import MergeContentConsumption
from transforms.merge_user_activity_aggregates import MergeUserActivityAggregates
from transforms.merge_user_enrolments import MergeUserEnrolments
from transforms.settings import MergeSettings
from transforms.store.ledger import Ledger
from transforms.store.merge_history import MergeHistory
from transforms.store.merge_log import MergeLog
from transforms.store.session import StoredTable

TABLE_MERGES: tuple[type[MergeTable], ...] = (
    MergeContentConsumption,
    MergeUserEnrolments,
    MergeUserActivityAggregates,
    MergeAssessments,
)
"""The stage of each table, with the table's name and the plan of its merge."""


async def planned_parts(merging: Merging, from_account: str, to_account: str) -> AsyncIterator[PlannedPart]:
    """What merging each table would take, one after the other; nothing is written."""
    for merge in TABLE_MERGES:
        async for part in merge.plan(merging, from_account, to_account, ""):
            yield part


async def would_write(merging: Merging, from_account: str, to_account: str) -> bool:
    """Whether the to account lacks anything of the from account's history."""
    async for part in planned_parts(merging, from_account, to_account):
        if part.rows_to_write:
            return True
    return False


def stored_tables(settings: MergeSettings) -> tuple[type[StoredTable], ...]:
    """All that the job reads and writes in Cassandra."""
    stored: list[type[StoredTable]] = [stored for merge in TABLE_MERGES for stored in merge.stored]
    if settings.merge_ledger:
        stored += Ledger, MergeLog
    if settings.keeps_history:
        stored.append(MergeHistory)
    return tuple(dict.fromkeys(stored))
