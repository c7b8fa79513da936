"""The workload: pairs of accounts to merge, of a given shape, the same for the same seed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.account_rows import FIRST_MS, AccountRows, Rows, account_id


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of both accounts of a pair; by default those of the speed issue.

    Attributes:
        enrolments: courses of the from account, each with one batch and one activity aggregate.
        contents: contents of each course.
        shared: how many of them the to account is enrolled in as well, with all their contents.
        own: courses of the to account alone.
        attempts: attempts at the assessment of each enrolment, of both accounts.
    """

    enrolments: int = 5
    contents: int = 20
    shared: int = 2
    own: int = 3
    attempts: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.shared <= self.enrolments:
            msg = f"{self.shared} of {self.enrolments} enrolments cannot be shared; give at most as many."
            raise ValueError(msg)

    @property
    def enrolments_after(self) -> int:
        """Enrolments of the to account after the merge, and so the sync requests of an event."""
        return self.enrolments + self.own


@dataclass(frozen=True, slots=True)
class Pair:
    """Two accounts of one learner.

    Attributes:
        from_account: its id, as long as a real one.
        to_account: the primary's id.
        from_rows: the from account's rows.
        to_rows: the to account's rows.
    """

    from_account: str
    to_account: str
    from_rows: Rows
    to_rows: Rows

    @property
    def mid(self) -> str:
        """The message id of the event that asks for their merge."""
        return f"LP.{FIRST_MS}.{uuid.uuid5(uuid.NAMESPACE_URL, self.from_account + self.to_account)}"

    def event(self) -> bytes:
        """That event, as the user service publishes it."""
        return json.dumps(_event(self)).encode()


def _event(pair: Pair) -> dict[str, Any]:
    return {
        "eid": "BE_JOB_REQUEST",
        "ets": FIRST_MS,
        "mid": pair.mid,
        "actor": {"id": "Merge User Courses and Cert", "type": "System"},
        "context": {
            "pdata": {"ver": "1.0", "id": "org.sunbird.platform"},
            "channel": "0123221758376673287017",
            "env": "bench",
        },
        "object": {"type": "MergeUserCoursesAndCert", "id": uuid.uuid5(uuid.NAMESPACE_URL, pair.mid).hex},
        "edata": {
            "action": "merge-user-courses-and-cert",
            "fromAccountId": pair.from_account,
            "toAccountId": pair.to_account,
            "rootOrgId": "0123221758376673287017",
            "iteration": 1,
        },
    }


class Workload:
    """Pairs of accounts without end, in groups that have no account in common."""

    def __init__(self, shape: Shape, seed: int, *, courses: int = 400) -> None:
        """Describe the pairs; each is made only when asked for.

        Args:
            shape: the sizes of the accounts.
            seed: another one gives other accounts and values of the same shape.
            courses: of the platform, from which each pair takes its own; more, if a pair has more.
        """
        self.shape = shape
        self.seed = seed
        self._rows = AccountRows(Random(seed), contents=shape.contents, attempts=shape.attempts)
        courses = max(courses, shape.enrolments_after)
        self._courses = [(f"do_{11_309_000_000_000 + n}{n:06}", f"0131{n:015}") for n in range(courses)]

    def pairs(self, group: str, count: int, start: int = 0) -> Iterator[Pair]:
        """The pairs of a group.

        Args:
            group: the name of what they are for.
            count: how many.
            start: the number of the first.
        """
        return (self.pair(group, number) for number in range(start, start + count))

    def pair(self, group: str, number: int) -> Pair:
        """One pair of a group, whichever others are made."""
        shape, rng = self.shape, Random(f"{self.seed}/{group}/{number}")
        courses = rng.sample(self._courses, shape.enrolments + shape.own)
        from_account, to_account = account_id(rng), account_id(rng)
        from_rows = self._rows.of(rng, from_account, courses[: shape.enrolments])
        to_rows = self._rows.of(rng, to_account, courses[shape.enrolments - shape.shared :])
        return Pair(from_account, to_account, from_rows, to_rows)
