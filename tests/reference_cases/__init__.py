"""Cases that were run on the reference job: rows before, events, rows after, sync requests.

A first merge must leave the same values, but for agg_last_updated, in the cases of `SAME`; in those of `DIFFERENT`
the reference loses or counts twice, and design.md says what instead.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from faults.memory_tables import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS

SAME = [
    "event1",
    "event2",
    "all_columns_from_newer",
    "mixed_columns",
    "no_match_copied",
    "enrol_only_from",
    "from_empty",
    "to_empty",
]
DIFFERENT = ["agg_other_keys", "enrol_same_batch_both", "same_event_twice"]

TIMESTAMPS = {
    CONTENT_CONSUMPTION: ("datetime", "last_access_time", "last_completed_time", "last_updated_time"),
    ENROLMENTS: ("completedon", "datetime", "enrolled_date", "lastcontentaccesstime"),
    ACTIVITY_AGG: ("agg_last_updated",),
}

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class ReferenceCase:
    """A recorded run; timestamps are as the driver returns them, in UTC without a zone."""

    before: Rows
    events: list[dict[str, Any]]
    after: Rows
    sync_requests: list[list[dict[str, Any]]]


def reference_case(name: str, accounts: str = "") -> ReferenceCase:
    """Read a case.

    Args:
        name: of the case.
        accounts: what its accounts' ids begin with, so that several cases can be merged side by side.
    """
    case = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    for event in case["events"]:
        for account in ("fromAccountId", "toAccountId"):
            event["edata"][account] = f"{accounts}{event['edata'][account]}"
    for request in chain.from_iterable(case["sync_requests"]):
        request["edata"]["userId"] = user = f"{accounts}{request['edata']['userId']}"
        request["object"]["id"] = f"{request['edata']['batchId']}_{user}"
    before, after = (_rows(case[when], accounts) for when in ("before", "after"))
    return ReferenceCase(before, case["events"], after, case["sync_requests"])


def account_of(row: dict[str, Any]) -> str:
    """Whose row it is, of whichever table."""
    return str(row.get("userid", row.get("user_id")))


def _rows(tables: Rows, accounts: str) -> Rows:
    return {table: [_row(table, row, accounts) for row in rows] for table, rows in tables.items()}


def _row(table: str, row: dict[str, Any], accounts: str) -> dict[str, Any]:
    times = {column: _timestamp(row[column]) for column in TIMESTAMPS[table] if column in row}
    return {**row, **times, "user_id" if table == ACTIVITY_AGG else "userid": f"{accounts}{account_of(row)}"}


def _timestamp(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timestamp(each) for key, each in value.items()}
    return value if value == "<now>" else datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
