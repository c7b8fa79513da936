"""The rules of user_enrolments."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from transforms.rules.dates import TextDates
from transforms.rules.joins import larger, larger_by_key, smaller, union
from transforms.rules.rows import Row, RowWrite
from transforms.rules.table_rules import TableRules

_LARGER = (
    "active",  # true if either is
    "status",
    "progress",
    "completionpercentage",
    "certstatus",
    "datetime",
    "lastcontentaccesstime",
)
_SMALLER = ("completedon", "enrolled_date")

Certificate = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EnrolmentMerge:
    """What merging the enrolments of two accounts gives.

    Attributes:
        writes: rows of user_enrolments, in the order of their keys.
        batches: (courseid, batchid) of every enrolment that the to account now has, sorted.
    """

    writes: list[RowWrite]
    batches: list[tuple[str, str]]


def merge_user_enrolments(
    to_account: str, from_rows: Iterable[Row], to_rows: Iterable[Row], *, dates: TextDates
) -> EnrolmentMerge:
    """Merge the from account's enrolments into the to account's (design.md, "The merge, table by table").

    addedby has no join: the primary's stays.

    Args:
        to_account: the account that receives the enrolments.
        from_rows: all enrolments of the from account.
        to_rows: all enrolments of the to account.
        dates: compares text dates.
    """
    rules = _rules(dates)
    writes, batches = [], {_batch(row) for row in to_rows}
    for theirs, own in rules.pairs(from_rows, to_rows):
        values = rules.values(theirs, own)
        batches.add(_batch(theirs))
        if own is None or values:
            writes.append(rules.write(to_account, theirs, own, values))
    return EnrolmentMerge(writes, sorted(batches))


@lru_cache
def _rules(dates: TextDates) -> TableRules:
    return TableRules(
        account="userid",
        key=("courseid", "batchid"),
        joins=dict.fromkeys(_LARGER, larger)
        | dict.fromkeys(_SMALLER, smaller)
        | dict.fromkeys(("certificates", "issued_certificates"), _union_of_certificates)
        | {"enrolleddate": dates.earlier, "contentstatus": larger_by_key},
        together={"lastcontentaccesstime": ("lastreadcontentid", "lastreadcontentstatus")},
    )


def _batch(row: Row) -> tuple[str, str]:
    return row["courseid"], row["batchid"]


def _union_of_certificates(own: Iterable[Certificate], theirs: Iterable[Certificate]) -> list[Certificate]:
    return union(own, theirs, _identity, _rank)


def _identity(certificate: Certificate) -> Hashable:
    return certificate.get("identifier") or frozenset(certificate.items())


def _rank(certificate: Certificate) -> tuple[Any, ...]:
    """Of two that have one identifier but differ, the one that was issued last is kept, in the primary's place."""
    return certificate.get("lastIssuedOn", ""), sorted(certificate.items())
