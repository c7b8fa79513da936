"""MergeContentConsumption: user_content_consumption and its ledger."""

from __future__ import annotations

from transforms.course_tables import CourseTables, utc_now
from transforms.elements import MergeEvent
from transforms.merge_table import MergeTable, MergeTableFn, TableChange
from transforms.rules.content_consumption import merge_content_consumption
from transforms.rules.dates import TextDates
from transforms.rules.rows import Row


class MergeContentConsumptionFn(MergeTableFn):
    """Merges progress of contents; elements as of MergeTable."""

    table = "content_consumption"

    def setup(self) -> None:
        """Compile the date format once for the worker."""
        super().setup()
        self._dates = TextDates(self._merge.course_date_format)

    def work(self, tables: CourseTables, item: MergeEvent) -> TableChange:
        """Merge one event's rows (transforms.rules.content_consumption)."""
        from_rows, from_ledger = _content_of_one_moment(tables, item.from_account)
        to_rows, to_ledger = tables.content_consumption(item.to_account), tables.ledger(item.to_account)
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


def _content_of_one_moment(tables: CourseTables, account: str) -> tuple[list[Row], list[Row]]:
    """The account's rows and its ledger, such that no other merge wrote to the ledger between the two reads.

    Another worker may be merging into the account right now, and no read spans two tables. Rows that are older
    than the ledger make the account's own counts too small, rows that are newer too large, and either may stay.
    """
    ledger = tables.ledger(account)
    while True:
        rows = tables.content_consumption(account)
        before, ledger = ledger, tables.ledger(account)
        if ledger == before:
            return rows, ledger


class MergeContentConsumption(MergeTable):
    """Merges user_content_consumption, each view counted once (design.md, "Counting each view once")."""

    fn = MergeContentConsumptionFn
