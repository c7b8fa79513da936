"""What makes two states of the tables equal, in memory or in Cassandra."""

from collections.abc import Iterable, Mapping
from typing import Any

from faults.memory_tables import KEYS, LEDGER, Key, Rows
from transforms.rules.rows import Row, is_null
from transforms.rules.view_counts import MAPS

TIMES_OF_MERGING = frozenset({"agg_last_updated", "recorded_on", "merged_on"})
"""The columns that say when a merge ran."""


def comparable(rows: Rows, ignore: Iterable[str] = TIMES_OF_MERGING) -> dict[str, dict[Key, Row]]:
    """The rows by key, such that equal tables are equal: nulls are left out, lists are taken as sets.

    Of the ledger it is what its facts say in all, by account, batch and origin: how many facts say so depends
    on the order of the merges.

    Args:
        rows: rows by table.
        ignore: columns that are left out.
    """
    ignored = frozenset(ignore)
    tables = {
        table: {
            tuple(row[column] for column in key): {
                column: _comparable(value)
                for column, value in row.items()
                if column not in ignored and not is_null(value)
            }
            for row in rows.get(table, ())
        }
        for table, key in KEYS.items()
    }
    tables[LEDGER] = _said(rows.get(LEDGER, ()))
    return tables


def _said(facts: Iterable[Row]) -> dict[Key, Row]:
    said: dict[Key, Row] = {}
    for fact in facts:
        key = tuple(fact[column] for column in KEYS[LEDGER] if column != "fact")
        counts = said.setdefault(key, {})
        for column in MAPS.values():
            for content, count in (fact.get(column) or {}).items():
                by_content = counts.setdefault(column, {})
                by_content[content] = max(count, by_content.get(content, 0))
    return said


def _comparable(value: Any) -> Any:
    if isinstance(value, list):
        return sorted({str(sorted(item.items()) if isinstance(item, Mapping) else item) for item in value})
    return value
