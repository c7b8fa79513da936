"""MergeUserEnrolments: user_enrolments."""

from __future__ import annotations

from transforms.course_tables import CourseTables
from transforms.elements import MergeEvent
from transforms.merge_table import MergeTable, MergeTableFn, TableChange
from transforms.rules.dates import TextDates
from transforms.rules.enrolments import merge_user_enrolments


class MergeUserEnrolmentsFn(MergeTableFn):
    """Merges enrolments; elements as of MergeTable."""

    table = "user_enrolments"

    def setup(self) -> None:
        """Compile the date format once for the worker."""
        super().setup()
        self._dates = TextDates(self._merge.course_date_format)

    def work(self, tables: CourseTables, item: MergeEvent) -> TableChange:
        """Merge one event's rows (transforms.rules.enrolments)."""
        from_rows = tables.enrolments(item.from_account)
        to_rows = tables.enrolments(item.to_account)
        merge = merge_user_enrolments(item.to_account, from_rows, to_rows, dates=self._dates)
        tables.write_enrolments(merge.writes)
        return TableChange(
            rows_read=len(from_rows) + len(to_rows),
            rows_written=len(merge.writes),
            enrolments=tuple(merge.batches),
        )


class MergeUserEnrolments(MergeTable):
    """Merges user_enrolments; its TableMerge names the enrolments that the to account now has."""

    fn = MergeUserEnrolmentsFn
