"""The rules of user_enrolments."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from transforms.rules.dates import TextDates
from transforms.rules.joins import larger, larger_by_key, smaller, union
from transforms.rules.rows import Pair, RowWrite
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

KEY = "courseid", "batchid"

Certificate = Mapping[str, str]


def merge_user_enrolments(to_account: str, pairs: Iterable[Pair], *, dates: TextDates) -> list[RowWrite]:
    """Merge the from account's enrolments into the to account's (design.md, "The merge, table by table").

    addedby has no join: the primary's stays.

    Args:
        to_account: the account that receives the enrolments.
        pairs: all enrolments of the from account, with the to account's.
        dates: compares text dates.

    Returns:
        The rows to write, in the order of the pairs.
    """
    rules = enrolment_rules(dates)
    writes = []
    for pair in pairs:
        values = rules.values(pair)
        if pair.copied is not None or values:
            writes.append(rules.write(to_account, pair, values))
    return writes


@lru_cache
def enrolment_rules(dates: TextDates) -> TableRules:
    """The rules of the columns."""
    return TableRules(
        account="userid",
        key=KEY,
        joins=dict.fromkeys(_LARGER, larger)
        | dict.fromkeys(_SMALLER, smaller)
        | dict.fromkeys(("certificates", "issued_certificates"), _union_of_certificates)
        | {"enrolleddate": dates.earlier, "contentstatus": larger_by_key},
        together={"lastcontentaccesstime": ("lastreadcontentid", "lastreadcontentstatus")},
    )


def _union_of_certificates(own: Iterable[Certificate], theirs: Iterable[Certificate]) -> list[Certificate]:
    return union(own, theirs, _identity, _rank)


def _identity(certificate: Certificate) -> Hashable:
    return certificate.get("identifier") or frozenset(certificate.items())


def _rank(certificate: Certificate) -> tuple[Any, ...]:
    """Of two that have one identifier but differ, the one that was issued last is kept, in the primary's place."""
    return certificate.get("lastIssuedOn", ""), sorted(certificate.items())
