"""Follow-up events: how history that arrives late is carried on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from transforms.elements import MergeEvent
from transforms.rules.rows import Row

_FOLLOW_UPS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:sunbird:merge-user-courses:follow-up")


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A merge of the event's to account into another, to which it carries what the event brought.

    Attributes:
        into_account: the account into which the event's to account had been merged before.
        path: the accounts that the history has passed so far, ending in the event's to account.
        mid: the message id, the same whenever the event is repeated.
    """

    into_account: str
    path: tuple[str, ...]
    mid: str


def follow_ups(event: MergeEvent, log: Iterable[Row]) -> Iterator[FollowUp]:
    """The follow-ups that an event may need when it has been merged (design.md, "Order does not matter").

    One is needed only where its account lacks anything of the to account's history. The caller finds that out,
    since it takes the tables; it is also what brings cycles of merges to an end (docs/decisions/0001).

    Args:
        event: the event.
        log: the rows of the merge log of the event's to account.

    Yields:
        One for each account in the log, in the order of the accounts.
    """
    path = tuple(dict.fromkeys((*event.path, event.from_account, event.to_account)))
    cause = event.mid or [event.from_account, event.to_account]
    for row in sorted(log, key=lambda row: str(row["intoid"])):
        name = json.dumps([cause, row.get("mid"), event.to_account, row["intoid"]])
        yield FollowUp(row["intoid"], path, f"LP.{event.ets}.{uuid.uuid5(_FOLLOW_UPS, name)}")
