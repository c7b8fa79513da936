"""Verifies merges one by one, and tells how far it has come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from rich.progress import Progress

from pipeline.operators.merges import Merge, merge_between, merges_into, merges_out_of
from pipeline.operators.merging import ask
from pipeline.operators.verify.judge import judge_counts, judge_outcome, judge_rows, no_merge
from pipeline.operators.verify.judgements import Finding
from pipeline.operators.verify.topic import Pair, TopicEvents, is_merged
from transforms.dofns.account_fn import Merging
from transforms.elements import Source
from transforms.event_history import FAILED
from transforms.settings import MergeSettings

Item = TypeVar("Item")
Result = TypeVar("Result")

_AT_ONCE = 8
_SETTLED_S = 3.0
"""What a job that runs is about to write may be missing for a moment: what is missing after so long is told."""


@dataclass
class Verdict:
    """What a verification came to.

    Attributes:
        merges: the merges that were judged.
        findings: what is not as it should be.
        events: what became of the events of a topic; None where none was read.
        repaired: how many merges were published again.
    """

    merges: list[Merge] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    events: TopicEvents | None = None
    repaired: int = 0

    def to_repair(self) -> list[Merge]:
        """The merges of which something is not as it should be, or of the account that it is about."""
        pairs = {(finding.from_account, finding.account) for finding in self.findings}
        accounts = {finding.account for finding in self.findings if finding.from_account is None}
        return [
            merge
            for merge in self.merges
            if (merge.from_account, merge.into_account) in pairs or merge.into_account in accounts
        ]


class Verifier:
    """Judges merges by the tables and rules of the job."""

    def __init__(self, merging: Merging, settings: MergeSettings, progress: Progress) -> None:
        """Take what judging needs, and where to tell how far it has come."""
        self._merging, self._settings, self._progress = merging, settings, progress

    def of_pair(self, from_account: str, to_account: str) -> Verdict:
        """Judge the merge of one account into another; raises StoreError."""
        return self.judge([ask(self._merging, lambda: merge_between(self._merging, from_account, to_account))])

    def of_account(self, account: str) -> Verdict:
        """Judge all merges of an account, into it and of it into others; raises StoreError."""

        async def merges() -> list[Merge]:
            return [*await merges_into(self._merging, account), *await merges_out_of(self._merging, account)]

        known = ask(self._merging, merges)
        return self.judge(known) if known else Verdict(findings=[no_merge(account)])

    def of_topic(self, events: TopicEvents) -> Verdict:
        """Judge the merges that a topic asks for, but those of which an event waits; raises StoreError."""
        merges, lost = [], [_lost(source, None) for source in events.lost]
        pairs = sorted(events.merged)
        task = self._progress.add_task("Reading what became of them", total=len(pairs))
        for part in _parts(pairs):
            for pair, merge in zip(part, self._read(part), strict=True):
                lost += self._lost_events(merge, events.merged[pair])
                if pair not in events.unsettled and not (merge.events and merge.outcome == FAILED):
                    merges.append(merge)
            self._progress.advance(task, len(part))
        verdict = self.judge(merges)
        verdict.findings = [*lost, *verdict.findings]
        verdict.events = events
        return verdict

    def judge(self, merges: Sequence[Merge]) -> Verdict:
        """Judge merges, and the counts of the accounts that they merged into; raises StoreError."""
        accounts = sorted({merge.into_account for merge in merges})
        suspects = self._found(merges, accounts, "Judging merges")
        if suspects:
            time.sleep(_SETTLED_S)
            pairs = {(finding.from_account, finding.account) for finding in suspects}
            again = [(m.from_account, m.into_account) for m in merges if (m.from_account, m.into_account) in pairs]
            accounts = sorted({finding.account for finding in suspects if finding.from_account is None})
            suspects = self._found(self._read(again), accounts, "Judging again what is not right")
        return Verdict(list(merges), suspects)

    def have_ended(self, placed: Mapping[Pair, str]) -> bool:
        """Whether the history has the outcome of each event that was published.

        Args:
            placed: of each pair of accounts the position of its event, as Source.id.
        """
        merges = self._read(list(placed))
        sources = ({event["source"] for event in merge.events} for merge in merges)
        return all(position in found for position, found in zip(placed.values(), sources, strict=True))

    def _found(self, merges: Sequence[Merge], accounts: Sequence[str], what: str) -> list[Finding]:
        """What is not as it should be now."""
        works = [
            *(partial(judge_rows, self._merging, merge.from_account, merge.into_account) for merge in merges),
            *(partial(judge_counts, self._merging, account) for account in accounts),
        ]
        findings = [finding for merge in merges for finding in judge_outcome(merge, self._settings)]
        task = self._progress.add_task(what, total=len(works))
        for part in _parts(works):
            for found in self._side_by_side(part):
                findings += found
            self._progress.advance(task, len(part))
        return findings

    def _read(self, pairs: Sequence[Pair]) -> list[Merge]:
        return self._side_by_side([partial(merge_between, self._merging, *pair) for pair in pairs])

    def _side_by_side(self, works: Sequence[Callable[[], Awaitable[Result]]]) -> list[Result]:
        async def all_of_them() -> list[Result]:
            return await asyncio.gather(*(work() for work in works))

        return ask(self._merging, all_of_them)

    def _lost_events(self, merge: Merge, sources: Sequence[Source]) -> list[Finding]:
        """The events that must have been merged, and of which nothing says so."""
        if not self._settings.keeps_history:
            return [] if merge.is_logged else [_lost(source, merge) for source in sources]
        ended = [event for event in merge.events if event["outcome"] != FAILED]
        return [_lost(source, merge) for source in sources if not is_merged(source, ended)]


def _lost(source: Source, merge: Merge | None) -> Finding:
    problem = f"the event at {source.id} is neither merged, nor failed, nor waiting"
    account, from_account = (merge.into_account, merge.from_account) if merge else ("", None)
    return Finding(account, from_account, "", {"source": source.id}, "", problem)


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
