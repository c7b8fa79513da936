"""Histories of merges on three replicas, with everything that can come between two steps.

The rules are the real ones, and so is the merge with the order of its reads and writes; what is simulated is
Cassandra (tests.support.replicas) and what happens around it. Merges form chains and cycles; up to 40 % of a
worker's writes time out; workers die at any step and race each other, by clocks that differ; the platform reads a
total, and writes total + 1 later. Then all merges are repeated in quiet until nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from faults.memory_tables import DATES
from tests.support.replicas import (
    CONTENT,
    Replicas,
    ReplicatedTables,
    RowKey,
    Step,
    WriteTimeoutError,
    content_row,
)
from transforms.dofns.account_fn import Merging
from transforms.merge_content_consumption import MergeContentConsumption
from transforms.rules.content_consumption import COUNTERS

_ACCOUNTS = "xyz"
CONTENTS: tuple[RowKey, ...] = (("c1", "b1", "k1"), ("c1", "b1", "k2"), ("c1", "b2", "k1"), ("c2", "b1", "k1"))
_CLOCKS_US = 0, 0, 0, 40, -40, 300
_TRIES = 6

Pair = tuple[str, str]
Lane = Coroutine[Any, Any, None]
Place = tuple[RowKey, str]
"""A content and a counter."""


@dataclass(frozen=True)
class Shape:
    """What histories are about; by default, everything.

    Attributes:
        pairs: the merges, from and to; drawn where there are none.
        contents: the contents of all accounts.
        views: how many views the platform counts meanwhile, at most.
        tables: through what the merges reach the replicas.
    """

    pairs: tuple[Pair, ...] = ()
    contents: tuple[RowKey, ...] = CONTENTS
    views: int = 4
    tables: type[ReplicatedTables] = ReplicatedTables


class History:
    """One history, and what it counted."""

    def __init__(self, seed: int, shape: Shape) -> None:
        self._random = random = Random(seed)
        self._shape, self._replicas = shape, Replicas(random)
        self._own: dict[str, Counter[Place]] = {account: Counter() for account in _ACCOUNTS}
        self._viewed: Counter[Place] = Counter()
        self._pairs = shape.pairs or [tuple(random.sample(_ACCOUNTS, 2)) for _ in range(random.randint(1, 4))]

    def run(self) -> Iterator[str]:
        """Begin with some rows, let everything happen, repeat the merges in quiet; yields what is wrong then."""
        for account in _ACCOUNTS:
            for content in self._shape.contents:
                if self._random.random() < 0.8:
                    counts = {c: self._random.randint(0, 4) for c in COUNTERS if self._random.random() < 0.8}
                    self._replicas.write(content_row(account, content, counts, self._now_us()))
                    self._own[account].update({(content, counter): n for counter, n in counts.items()})
        lanes = [self._worker(pair) for pair in self._pairs]
        lanes += [self._view() for _ in range(self._random.randint(0, self._shape.views))]
        self._interleave(lanes)
        self._replicas.come_to_rest()
        if self._comes_to_an_end():
            yield from self._violations()
        else:
            yield "repeats go on writing"

    def _violations(self) -> Iterator[str]:
        """What was counted twice, and what was lost but for views that the platform counted meanwhile."""
        reached = {account: {account} for account in _ACCOUNTS}
        for from_account, to_account in list(self._pairs) * len(_ACCOUNTS):
            reached[to_account] |= reached[from_account]
        for account in sorted({to_account for _, to_account in self._pairs}):
            rows = self._replicas.read((CONTENT, account))
            for content in self._shape.contents:
                for counter in COUNTERS:
                    place = content, counter
                    _, total = rows.get(content, {}).get(counter, (0, 0))
                    truth = sum(self._own[origin][place] for origin in reached[account])
                    if total > truth:
                        yield f"{account} {place}: {total} of {truth}, counted twice"
                    if total < truth - self._viewed[place]:
                        yield f"{account} {place}: {total} of {truth}, lost"

    def _now_us(self) -> int:
        return self._replicas.now_us + self._random.choice(_CLOCKS_US)

    def _tables(self, timeouts: float) -> ReplicatedTables:
        clock_us = self._random.choice(_CLOCKS_US)
        return self._shape.tables(self._replicas, timeouts=timeouts, clock_us=clock_us)

    async def _worker(self, pair: Pair) -> None:
        tables = self._tables(self._random.choice([0.0, 0.4]))
        for _ in range(_TRIES):
            try:
                await self._merged(pair, tables)
                return
            except WriteTimeoutError:
                await Step()

    async def _merged(self, pair: Pair, tables: ReplicatedTables) -> None:
        merging = Merging(tables, DATES, merge_ledger=True)  # type: ignore[arg-type]
        async for part in MergeContentConsumption.plan(merging, *pair, "mid"):
            if part.rows_to_write:
                await part.write()

    async def _view(self) -> None:
        """The platform reads a row and writes it with its counts + 1, by a clock of its own."""
        account, content = self._random.choice(_ACCOUNTS), self._random.choice(self._shape.contents)
        counters = COUNTERS if self._random.random() < 0.5 else COUNTERS[:1]
        clock_us = self._random.choice(_CLOCKS_US)
        row = self._replicas.read((CONTENT, account)).get(content, {})
        await Step()
        counts = {counter: row.get(counter, (0, 0))[1] + 1 for counter in counters}
        for counter in counters:
            self._own[account][content, counter] += 1
            self._viewed[content, counter] += 1
        self._replicas.write(content_row(account, content, counts, self._replicas.now_us + clock_us))

    def _interleave(self, lanes: list[Lane]) -> None:
        """Let one lane at a time take a step; some die on the way."""
        random = self._random
        while lanes:
            lane = random.choice(lanes)
            self._replicas.tick()
            try:
                lane.send(None)
            except StopIteration:
                lanes.remove(lane)
            if random.random() < 0.03 and len(lanes) > 1:
                lanes.pop(random.randrange(len(lanes))).close()

    def _comes_to_an_end(self) -> bool:
        """Repeat the merges in quiet until none of them writes."""
        for _ in range(len(_ACCOUNTS) + 2):
            before = self._replicas.writes
            for pair in self._pairs:
                self._interleave([self._merged(pair, self._tables(0.0))])
            if self._replicas.writes == before:
                return True
        return False


def violations(seeds: Iterable[int], shape: Shape) -> Iterator[str]:
    """What is wrong at the end of histories, one of each seed."""
    for seed in seeds:
        for violation in History(seed, shape).run():
            yield f"history {seed}: {violation}"
