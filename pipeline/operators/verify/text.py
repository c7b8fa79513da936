"""What a verification came to, as it is put out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from pipeline.operators.verify.judgements import Finding
from pipeline.operators.verify.verifying import Verdict
from pipeline.printable import printable


@dataclass(frozen=True, slots=True)
class VerdictAnswer:
    """A verdict as it is put out."""

    verdict: Verdict

    def fields(self) -> Mapping[str, Any]:
        """It for JSON."""
        verdict, events = self.verdict, self.verdict.events
        return {
            "merges": len(verdict.merges),
            "events": events and {"merged": _merged(verdict), "failed": events.failed, "waiting": events.waiting},
            "repaired": verdict.repaired,
            "findings": [asdict(finding) for finding in verdict.findings],
        }

    def tables(self) -> Iterable[RenderableType]:
        """It for a terminal."""
        verdict = self.verdict
        by_merge: dict[tuple[str, str | None], list[Finding]] = {}
        for finding in verdict.findings:
            by_merge.setdefault((finding.account, finding.from_account), []).append(finding)
        for (account, from_account), findings in by_merge.items():
            tree = Tree(Text(_name(account, from_account), "bold"))
            by_row: dict[str, Tree] = {}
            for finding in findings:
                row = _row(finding)
                branch = by_row[row] = by_row.get(row) or tree.add(Text(row, "cyan"))
                branch.add(Text(printable(f"{finding.column} {finding.problem}".strip())))
            yield tree
        yield from self._sums()

    def _sums(self) -> Iterator[Text]:
        verdict = self.verdict
        if events := verdict.events:
            yield Text(
                f"events: {_merged(verdict):,} merged, {events.failed:,} failed, {events.waiting:,} waiting"
            )
        if verdict.repaired:
            yield Text(f"{_count(verdict.repaired, 'merge')} published again")
        merges = _count(len(verdict.merges), "merge")
        if verdict.findings:
            things = (
                "1 thing not as it"
                if len(verdict.findings) == 1
                else f"{len(verdict.findings):,} things not as they"
            )
            yield Text(f"{merges} judged: {things} should be", "red")
        else:
            yield Text(f"{merges} judged: all is as it should be", "green")


def _merged(verdict: Verdict) -> int:
    events = verdict.events
    lost = sum(not finding.table for finding in verdict.findings)
    return 0 if events is None else sum(map(len, events.merged.values())) + len(events.lost) - lost


def _name(account: str, from_account: str | None) -> str:
    if not account:
        return "events that name no accounts"
    return printable(account if from_account is None else f"{from_account} → {account}")


def _row(finding: Finding) -> str:
    return printable(" ".join(map(str, (finding.table or "event", *finding.key.values()))))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
