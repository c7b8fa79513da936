"""Cases that were run on the reference job: rows before, events, rows after, sync requests.

A first merge must leave the same values, but for agg_last_updated, in the cases of `SAME`; in those of `DIFFERENT`
the reference loses or counts twice, and design.md says what instead.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.memory_tables import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS

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


def reference_case(name: str) -> ReferenceCase:
    """Read a case."""
    case = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return ReferenceCase(_rows(case["before"]), case["events"], _rows(case["after"]), case["sync_requests"])


def _rows(tables: Rows) -> Rows:
    return {
        table: [
            row | {column: _timestamp(row[column]) for column in TIMESTAMPS[table] if column in row}
            for row in rows
        ]
        for table, rows in tables.items()
    }


def _timestamp(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timestamp(each) for key, each in value.items()}
    return value if value == "<now>" else datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
