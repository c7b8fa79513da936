"""A preview: what a merge would do, as it is told in JSON, in tables and on a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pipeline.operators.preview.accounts import Account
from transforms.rules.changes import Change
from transforms.store.ledger import LEDGER_TABLE


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do.

    Attributes:
        from_account: the account whose history would be merged, as it is.
        to_account: the account that would receive it, as it is.
        asked_at: when it was asked for, in UTC; what a merge writes as its own time is later.
        course: the only course that it tells of; None for all.
        changes: the changes of rows.
        requests: (courseid, batchid) of each sync request.
        follow_ups: the accounts that a follow-up would carry the history on to.
    """

    from_account: Account
    to_account: Account
    asked_at: datetime
    course: str | None
    changes: tuple[Change, ...]
    requests: tuple[tuple[str, str], ...]
    follow_ups: tuple[str, ...]

    def side_by_side(self) -> list[tuple[str, Any, Any]]:
        """What the from account and the to account have: the name of each number, for people, and both numbers."""
        both = zip(self.from_account.lines(), self.to_account.lines(), strict=True)
        return [(name, of_from, of_to) for (name, of_from), (_, of_to) in both]

    def by_course(self) -> dict[str, dict[str, list[Change]]]:
        """The changes by course and table, the ledger after the platform's tables."""
        courses: dict[str, dict[str, list[Change]]] = {}
        for change in sorted(self.changes, key=lambda change: change.table == LEDGER_TABLE):
            courses.setdefault(change.course, {}).setdefault(change.table, []).append(change)
        return dict(sorted(courses.items()))

    def counts(self) -> list[tuple[str, int, int]]:
        """Of each table that changes its name, how many rows would be new, and how many others would change."""
        tables = dict.fromkeys(change.table for change in self.changes)
        copied = Counter(change.table for change in self.changes if change.copied)
        changed = Counter(change.table for change in self.changes if not change.copied)
        return [(table, copied[table], changed[table]) for table in tables]

    def notes(self) -> list[str]:
        """What somebody should think about before the merge, in sentences."""
        from_, to = self.from_account, self.to_account
        notes = []
        if from_.last_access and (to.last_access is None or from_.last_access > to.last_access):
            notes.append(
                f"The from account was used last: make sure that {to.id} is the account that the learner keeps."
            )
        for one in (from_, to):
            for merge in one.merges or ():
                on = f" on {merge.merged_on:%Y-%m-%d}" if merge.merged_on else ""
                notes.append(f"{one.id} was merged into {merge.into}{on}.")
        notes += [f"There is no enrolment and no content of {one.id}." for one in (from_, to) if one.is_empty]
        return notes

    def fields(self, *, full: bool) -> Mapping[str, Any]:
        """It for JSON; unchanged values only if it is to be full, else how many there are."""
        return {
            "from": asdict(self.from_account),
            "to": asdict(self.to_account),
            "asked_at": self.asked_at,
            "course": self.course,
            "notes": self.notes(),
            "changes": [
                {
                    "table": change.table,
                    "course": change.course,
                    "key": change.key,
                    "copied": change.copied,
                    "columns": {c: {"old": old, "new": new} for c, (old, new) in change.columns.items()},
                    "unchanged": change.unchanged if full else len(change.unchanged),
                }
                for change in self.changes
            ],
            "sync_requests": [{"courseid": course, "batchid": batch} for course, batch in self.requests],
            "follow_ups": [{"from": self.to_account.id, "to": into} for into in self.follow_ups],
        }
