"""What merging one account into another would write: both accounts' rows read, and the rules applied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from transforms.course_tables import CourseTables, now_ms
from transforms.rules.activity_aggregates import merge_user_activity_aggregates
from transforms.rules.content_consumption import BatchWrites, merge_content_consumption
from transforms.rules.dates import TextDates
from transforms.rules.enrolments import merge_user_enrolments
from transforms.rules.rows import RowWrite


@dataclass(frozen=True, slots=True)
class Plans:
    """Plans the merge of each table; nothing is written.

    Attributes:
        tables: where the rows are read.
        dates: compares text dates.
        merge_ledger: whether each view is counted once, by the ledger.
    """

    tables: CourseTables
    dates: TextDates
    merge_ledger: bool

    async def content_consumption(
        self, from_account: str, to_account: str
    ) -> AsyncIterator[tuple[list[BatchWrites], int]]:
        """The writes to user_content_consumption and its ledger, and how many rows were read.

        A large account comes in parts of whole courses, each of which is read when it is asked for.
        """
        tables = self.tables
        # The rows before the ledger, since another worker may be merging into the from account right now and no
        # read spans two tables: a ledger that is newer than the rows makes the account's own counts too small,
        # which the follow-up of that merge mends; an older one would make them too large, for good.
        async for theirs in tables.content_consumption(from_account):
            batches = tables.content_pairing.columns.distinct(theirs, "courseid", "batchid")
            from_ledger, own, to_ledger = await tables.counterparts(from_account, to_account, batches)
            writes = merge_content_consumption(
                from_account,
                to_account,
                tables.content_pairing.pairs(theirs, own),
                from_ledger,
                to_ledger,
                dates=self.dates,
                now=now_ms(),
                ledger=self.merge_ledger,
            )
            yield writes, len(theirs) + len(own) + len(from_ledger) + len(to_ledger)

    async def user_enrolments(
        self, from_account: str, to_account: str
    ) -> tuple[list[RowWrite], set[tuple[str, str]], int]:
        """The writes to user_enrolments, (courseid, batchid) of all that the to account then has, rows read."""
        tables = self.tables
        theirs, own = await tables.enrolments(from_account, to_account)
        rows, pairing = theirs + own, tables.enrolment_pairing
        writes = merge_user_enrolments(to_account, pairing.pairs(theirs, own), dates=self.dates)
        return writes, pairing.columns.distinct(rows, "courseid", "batchid"), len(rows)

    async def user_activity_agg(self, from_account: str, to_account: str) -> tuple[list[RowWrite], int]:
        """The writes to user_activity_agg, and how many rows were read."""
        rows = await self.tables.activity_aggregates(from_account, (from_account, to_account))
        from_rows, to_rows = rows[from_account], rows[to_account]
        writes = merge_user_activity_aggregates(to_account, from_rows, to_rows, now=now_ms())
        return writes, len(from_rows) + len(to_rows)

    async def would_write(self, from_account: str, to_account: str) -> bool:
        """Whether the to account lacks anything of the from account's history."""
        enrolments, _, _ = await self.user_enrolments(from_account, to_account)
        if enrolments:
            return True
        async for writes, _ in self.content_consumption(from_account, to_account):
            if writes:
                return True
        aggregates, _ = await self.user_activity_agg(from_account, to_account)
        return bool(aggregates)
