"""No view is counted twice and no account's contribution lost, whatever happens; and what each part is for."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress

import pytest

from tests.support.count_histories import CONTENTS, Shape, violations
from tests.support.replicas import ReplicatedTables, Step, WriteTimeoutError
from transforms.rules import view_counts
from transforms.rules.content_consumption import BatchWrites
from transforms.rules.rows import Row, RowWrite, StoredRow

HISTORIES = 3_000

_COURSES = sorted({course for course, _, _ in CONTENTS})


def test_nothing_is_counted_twice_and_no_accounts_contribution_is_lost() -> None:
    assert list(violations(range(HISTORIES), Shape())) == []


def test_without_views_in_between_every_total_is_exact() -> None:
    assert list(violations(range(HISTORIES // 10), Shape(views=0))) == []


class _LedgerWithoutRepair(ReplicatedTables):
    """Of what a read of the ledger returned, a replica that did not know it may still not know it."""

    def repairs(self) -> bool:
        return self.replicas.random.random() < 0.7


class _LedgerBeforeRows(ReplicatedTables):
    """Of both accounts the ledger is read before the rows."""

    async def parts(self, account: str) -> AsyncIterator[list[StoredRow]]:
        self._facts_before = {account: self.known_facts(account, _COURSES)}
        async for rows in super().parts(account):
            yield rows

    async def of_courses(self, account: str, courses: Sequence[str]) -> list[StoredRow]:
        await Step()
        self._facts_before[account] = self.known_facts(account, _COURSES)
        return await super().of_courses(account, courses)

    async def facts(self, accounts: Sequence[str], courses: Sequence[str]) -> dict[str, list[Row]]:
        return self._facts_before


class _NoOwnCount(ReplicatedTables):
    """What an account counted itself is not kept."""

    async def add(self, batches: Iterable[BatchWrites]) -> None:
        await super().add(
            [
                dataclasses.replace(b, facts=[fact for fact in b.facts if fact["originid"] != fact["userid"]])
                for b in batches
            ]
        )


class _OneMutation(ReplicatedTables):
    """Rows and ledger go together, as a merge is usually written, and no own count."""

    async def add(self, batches: Iterable[BatchWrites]) -> None:
        self._facts = [fact for b in batches for fact in b.facts if fact["originid"] != fact["userid"]]

    async def write(self, batches: Iterable[BatchWrites]) -> None:
        writes = [write for batch in batches for write in batch.rows]
        await Step()
        mutation = (self.mutation_of_rows(writes) if writes else {}) | (
            self.mutation_of_facts(self._facts) if self._facts else {}
        )
        if mutation:
            self.send(mutation)


class _RowsFirst(ReplicatedTables):
    """The rows are written before the ledger."""

    async def add(self, batches: Iterable[BatchWrites]) -> None:
        """Later."""

    async def write(self, batches: Iterable[BatchWrites]) -> None:
        await super().write(batches)
        await super().add(batches)


class _LedgerNotWaitedFor(ReplicatedTables):
    """Rows are written whether or not the facts are acknowledged."""

    async def add(self, batches: Iterable[BatchWrites]) -> None:
        with suppress(WriteTimeoutError):
            await super().add(batches)


class _ClockAlone(ReplicatedTables):
    """A row's timestamp is what the clock says, whatever was read."""

    def timestamp_us(self, write: RowWrite) -> int:
        return super().timestamp_us(write._replace(later_than_us=0))


@pytest.mark.parametrize(
    ("without", "wrong"),
    [
        (_LedgerWithoutRepair, "counted twice"),
        (_LedgerBeforeRows, "counted twice"),
        (_NoOwnCount, "lost"),
        (_OneMutation, "counted twice"),
        (_OneMutation, "lost"),
        (_RowsFirst, "counted twice"),
        (_LedgerNotWaitedFor, "counted twice"),
        (_ClockAlone, "repeats go on writing"),
    ],
)
def test_each_part_of_the_protocol_is_needed(without: type[ReplicatedTables], wrong: str) -> None:
    assert any(wrong in violation for violation in violations(range(HISTORIES), Shape(tables=without)))


def test_a_fact_that_the_last_write_replaces_does_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_counts, "digest", lambda maps: "the same")
    one_content = Shape(contents=CONTENTS[:1])
    assert any(violations(range(HISTORIES), one_content))


def test_without_a_floor_a_total_that_was_taken_back_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_floor(total: int, old: view_counts.ByOrigin, new: view_counts.ByOrigin) -> int:
        return total + sum(new.values()) - sum(old.values())

    monkeypatch.setattr(view_counts, "new_total", without_floor)
    assert any("lost" in violation for violation in violations(range(HISTORIES), Shape()))
