"""MergeContentConsumption: user_content_consumption and its ledger."""

from __future__ import annotations

from transforms.course_tables import CourseTables, utc_now
from transforms.elements import MergeEvent
from transforms.merge_table import MergeTable, MergeTableFn, TableChange
from transforms.rules.content_consumption import merge_content_consumption
from transforms.rules.dates import TextDates


class MergeContentConsumptionFn(MergeTableFn):
    """Merges progress of contents; elements as of MergeTable."""

    table = "content_consumption"

    def setup(self) -> None:
        """Compile the date format once for the worker."""
        super().setup()
        self._dates = TextDates(self._merge.course_date_format)

    def work(self, tables: CourseTables, item: MergeEvent) -> TableChange:
        """Merge one event's rows (transforms.rules.content_consumption)."""
        # The rows before the ledger: another worker may be merging into the from account right now. A ledger that
        # is newer than the rows makes the account's own counts too small, which the follow-up event of that merge
        # mends; an older one would make them too large, for good.
        from_rows = tables.content_consumption(item.from_account)
        to_rows = tables.content_consumption(item.to_account)
        from_ledger = tables.ledger(item.from_account)
        to_ledger = tables.ledger(item.to_account)
        batches = merge_content_consumption(
            item.from_account,
            item.to_account,
            from_rows,
            to_rows,
            from_ledger,
            to_ledger,
            dates=self._dates,
            now=utc_now(),
            ledger=self._merge.merge_ledger,
        )
        tables.write_content_consumption(batches)
        return TableChange(
            rows_read=len(from_rows) + len(to_rows) + len(from_ledger) + len(to_ledger),
            rows_written=sum(len(batch.rows) + len(batch.ledger) for batch in batches),
        )


class MergeContentConsumption(MergeTable):
    """Merges user_content_consumption, each view counted once (design.md, "Counting each view once")."""

    fn = MergeContentConsumptionFn
