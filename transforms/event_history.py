"""A row of user_merge_history for each event: what became of it (design.md, "The history of merges")."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Any

from transforms.elements import JoinedEvent, MergeEvent
from transforms.rules.rows import Row
from transforms.store.event_loop import wait_for
from transforms.store.merge_history import MergeHistory
from transforms.store.session import Store

MERGED, UNCHANGED, FAILED = "merged", "unchanged", "failed"
"""The outcomes of an event."""

BEGAN = "began"
"""What has no outcome, and is in the merge log."""

EVENT, FOLLOW_UP, REPLAY = "event", "follow-up", "replay"
"""The causes of an event."""

_LONGEST_MID = 500
"""Characters: a mid may be of any length, and a key holds 65,535 bytes."""

_log = logging.getLogger(__name__)

_version = version("merge-user-courses")


def history_row(joined: JoinedEvent, error: str, requests: int, follow_ups: int, ended_ms: int) -> Row:
    """The row of an event.

    Args:
        joined: the event and what its tables came to.
        error: why it has failed; empty where it has not.
        requests: how many sync requests it made.
        follow_ups: how many follow-ups it made.
        ended_ms: when that was decided, in ms since the epoch.
    """
    event = joined.event
    written = {table: rows for table, _, rows in joined.rows if rows}
    return {
        "userid": event.to_account,
        "ended_on": ended_ms,
        "mid": event.mid[:_LONGEST_MID],
        "fromid": event.from_account,
        "outcome": FAILED if error else MERGED if written else UNCHANGED,
        "cause": _cause(event),
        "path": event.path,
        "source": event.source.id,
        "started_on": int(joined.started_ms),
        "rows_read": {table: rows for table, rows, _ in joined.rows if rows},
        "rows_written": written,
        "requests": requests,
        "followups": follow_ups,
        "version": _version,
    }


def _cause(event: MergeEvent) -> str:
    if event.replayed:
        return REPLAY
    return FOLLOW_UP if event.path else EVENT


class BundleHistory:
    """The history of a bundle, written at its end, several rows in a request.

    Nothing that goes wrong here fails an event, of which everything else is decided. An error that may pass is
    retried like any other; then the rows are counted as missing.
    """

    def __init__(self, store: Store, ttl_days: int) -> None:
        """Begin with no rows.

        Args:
            store: where they are written.
            ttl_days: after how many days they are forgotten.
        """
        self._store, self._ttl_days = store, ttl_days
        self._rows: dict[tuple[Any, ...], Row] = {}

    def add(self, row: Row) -> None:
        """Take a row; that of an event that came again within a millisecond is made a millisecond later."""
        while (key := (row["userid"], row["ended_on"], row["mid"], row["fromid"])) in self._rows:
            row["ended_on"] += 1
        self._rows[key] = row

    def write(self) -> int:
        """Write the rows, and wait until they are there, as no offset is committed before.

        Returns:
            how many could not be written.
        """
        return wait_for(self._write()) if self._rows else 0

    async def _write(self) -> int:
        async def write() -> None:
            history = await self._store.table(MergeHistory)
            await history.add(self._rows.values(), self._ttl_days)

        try:
            await self._store.outage.retry(write)
        except Exception as e:
            _log.warning("The history lacks %d events, which are not touched by that: %s", len(self._rows), e)
            return len(self._rows)
        return 0
