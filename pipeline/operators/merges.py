"""What is known of an account's merges: the log says that they began, the history what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from transforms.dofns.account_fn import Merging
from transforms.event_history import BEGAN
from transforms.rules.rows import Row
from transforms.store.ledger import Ledger
from transforms.store.merge_history import MergeHistory
from transforms.store.merge_log import MergeLog


@dataclass(frozen=True, slots=True)
class Merge:
    """One account merged into another, as often as that was asked for.

    Attributes:
        from_account: the account whose history was merged.
        into_account: the account that received it.
        began: when its last event began, in UTC; None where the log does not say.
        mid: the message id of that event, or of the first where that was a follow-up; None as `began`.
        is_logged: whether the log has it.
        events: the rows of user_merge_history of its events, newest first, times as datetimes in UTC.
    """

    from_account: str
    into_account: str
    began: datetime | None
    mid: str | None
    is_logged: bool
    events: tuple[Row, ...]

    @property
    def is_known(self) -> bool:
        """Whether the log or the history has it."""
        return self.is_logged or bool(self.events)

    @property
    def outcome(self) -> str:
        """That of its last event; `began` where none has ended since that was logged."""
        last = self.events[0]["ended_on"] if self.events else None
        if last is None or (self.began is not None and last < self.began):
            return BEGAN
        return str(self.events[0]["outcome"])


async def merges_out_of(merging: Merging, account: str) -> list[Merge]:
    """The merges of the account into others, as the log has them; sorted by these."""
    log = await merging.store.table(MergeLog)
    logged = map(log.columns.readable, await log.rows(account))
    return [_merge(row, await _events(merging, row["intoid"])) for row in sorted(logged, key=_into)]


async def merges_into(merging: Merging, account: str) -> list[Merge]:
    """The merges of others into the account, sorted by these.

    The log is kept by the from account, so they are those that the history has, and those from which views came:
    both tell which accounts' logs to look at.
    """
    ledger = await merging.store.table(Ledger)
    events = await _events(merging, account)
    origins = {fact["originid"] for fact in await ledger.of_account(account)} - {account}
    merges = [await _between(merging, other, account, events) for other in sorted(origins | set(_froms(events)))]
    # Views reach an account by others too: of such an origin nothing is known here.
    return [merge for merge in merges if merge.is_known]


async def merge_between(merging: Merging, from_account: str, into_account: str) -> Merge:
    """The merge of one account into another."""
    return await _between(merging, from_account, into_account, await _events(merging, into_account))


async def _between(merging: Merging, from_account: str, into_account: str, events: Iterable[Row]) -> Merge:
    log = await merging.store.table(MergeLog)
    pair = {"userid": from_account, "intoid": into_account}
    logged = map(log.columns.readable, await log.rows(from_account))
    return _merge(next((row for row in logged if row["intoid"] == into_account), pair), events)


def _froms(events: Iterable[Row]) -> Iterator[str]:
    return (event["fromid"] for event in events)


async def _events(merging: Merging, account: str) -> list[Row]:
    history = await merging.store.table(MergeHistory)
    return [history.columns.readable(row) for row in await history.into(account)]


def _merge(logged: Row, events: Iterable[Row]) -> Merge:
    of_pair = tuple(event for event in events if event["fromid"] == logged["userid"])
    return Merge(
        from_account=logged["userid"],
        into_account=logged["intoid"],
        began=logged.get("merged_on"),
        mid=logged.get("mid"),
        is_logged="merged_on" in logged,
        events=of_pair,
    )


def _into(row: Row) -> str:
    return str(row["intoid"])
