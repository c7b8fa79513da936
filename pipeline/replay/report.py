"""What a replay has found and done, as a table."""

from __future__ import annotations

from collections import Counter, defaultdict

from rich.table import Table
from rich.text import Text

from pipeline.replay.selection import FailedRecord, Verdict


class ReplayReport:
    """Counts by error code.

    Attributes:
        not_ours: records of the failed topic that are no failed events of this job.
        gone: where the originals were that are only in part in the failed topic and cannot be fetched, and why.
    """

    def __init__(self) -> None:
        self._verdicts: defaultdict[Verdict, Counter[str]] = defaultdict(Counter)
        self.not_ours = 0
        self.gone: list[str] = []

    def count(self, failed: FailedRecord, verdict: Verdict) -> None:
        """Count a failed event."""
        self._verdicts[verdict][failed.error_code] += 1

    def count_gone(self, failed: FailedRecord, where: str) -> None:
        """Count a failed event whose original is gone."""
        self.count(failed, Verdict.GONE)
        self.gone.append(where)

    @property
    def chosen(self) -> int:
        """How many events are to be published."""
        return self._verdicts[Verdict.CHOSEN].total()

    def table(self, published: Counter[str] | None) -> Table:
        """A line for each error code, and one for all.

        Args:
            published: how many are published, by error code; None for a dry run.
        """
        chosen = self._verdicts[Verdict.CHOSEN]
        found = sum(self._verdicts.values(), Counter[str]())
        columns = {
            "found": found,
            "filtered out": self._verdicts[Verdict.FILTERED_OUT],
            "duplicates": self._verdicts[Verdict.DUPLICATE],
        }
        if self.gone:
            columns["not found"] = self._verdicts[Verdict.GONE]
        if published is None:
            columns["to publish"] = chosen
        else:
            columns["published"] = published
            if left := chosen - published:
                columns["not published"] = left
        table = Table("error code", title="Failed events", title_justify="left", show_footer=True)
        table.columns[0].footer = "all"
        table.columns[0].overflow = "fold"
        for title, counts in columns.items():
            table.add_column(title, f"{counts.total():,}", justify="right")
        for code in sorted(found):
            table.add_row(Text(code), *(f"{counts[code]:,}" for counts in columns.values()))
        return table
