"""Rows of one content of one batch, facts about it, and their merge; what rules of content are tested with."""

from typing import Any

from faults.memory_tables import DATES
from transforms.rules.content_consumption import BatchWrites, content_rules, merge_content_consumption
from transforms.rules.rows import Row
from transforms.rules.view_counts import digest

KEY = {"courseid": "c", "batchid": "b", "contentid": "k"}
NOW = 100


def row(account: str, **columns: Any) -> Row:
    return {"userid": account} | KEY | columns


def fact(account: str, origin: str, **columns: Any) -> Row:
    key = {"userid": account, "courseid": "c", "batchid": "b", "originid": origin, "fact": digest(columns)}
    return key | columns


def new_fact(origin: str, **columns: Any) -> Row:
    return fact("t", origin, **columns) | {"mid": "m", "recorded_on": NOW}


def merge(
    from_rows: list[Row],
    to_rows: list[Row],
    from_ledger: list[Row] | None = None,
    to_ledger: list[Row] | None = None,
    *,
    ledger: bool = True,
) -> list[BatchWrites]:
    rules = content_rules(DATES)
    pairs = rules.pairs(from_rows, to_rows)
    return merge_content_consumption(
        "f",
        "t",
        pairs,
        from_ledger or [],
        to_ledger or [],
        rules=rules,
        mid="m",
        now=NOW,
        ledger=ledger,
    )
