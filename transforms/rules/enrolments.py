"""The rules of user_enrolments."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from transforms.rules.dates import TextDates
from transforms.rules.joins import earlier, either, keep_to, larger, larger_by_key, later, union
from transforms.rules.rows import Pair, RowWrite
from transforms.rules.table_rules import FromLaterSide, TableRules

KEY = "courseid", "batchid"

Certificate = Mapping[str, str]


def merge_user_enrolments(to_account: str, pairs: Iterable[Pair], *, dates: TextDates) -> list[RowWrite]:
    """Merge the from account's enrolments into the to account's (design.md, "The merge, table by table").

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
        values = rules.changes(pair.differences or {})
        if pair.differences is None or values:
            writes.append(rules.write(to_account, pair, values))
    return writes


@lru_cache
def enrolment_rules(dates: TextDates) -> TableRules:
    """The rules of the columns, in design.md's order."""
    return TableRules(
        account="userid",
        key=KEY,
        columns={
            "active": either,
            "status": larger,
            "progress": larger,
            "completionpercentage": larger,
            "certstatus": larger,
            "contentstatus": larger_by_key,
            "completedon": earlier,
            "enrolled_date": earlier,
            "enrolleddate": dates.earlier,
            "datetime": later,
            "lastcontentaccesstime": later,
            "lastreadcontentid": FromLaterSide("lastcontentaccesstime"),
            "lastreadcontentstatus": FromLaterSide("lastcontentaccesstime"),
            "certificates": _union_of_certificates,
            "issued_certificates": _union_of_certificates,
            "addedby": keep_to,
        },
    )


def _union_of_certificates(
    from_certificates: Iterable[Certificate], to_certificates: Iterable[Certificate]
) -> list[Certificate]:
    return union(from_certificates, to_certificates, _identity, _rank)


def _identity(certificate: Certificate) -> Hashable:
    return certificate.get("identifier") or frozenset(certificate.items())


def _rank(certificate: Certificate) -> tuple[Any, ...]:
    """Of two that have one identifier but differ, the one issued last is kept, in the to account's place."""
    return certificate.get("lastIssuedOn", ""), sorted(certificate.items())
