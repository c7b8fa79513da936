"""A line of the log for each event: what became of it. Account ids are logged at DEBUG only."""

from __future__ import annotations

import logging
from typing import Any

from transforms.elements import FailedEvent, JoinedEvent, Source
from transforms.strict_json import read_json

_log = logging.getLogger(__name__)

_LONGEST_TEXT = 500
"""Characters of what comes out of the event itself, which may be of any length."""


def log_merged(joined: JoinedEvent, sync_requests: int, follow_ups: int) -> None:
    """Log that an event is merged, and what that came to."""
    event = joined.event
    _log_outcome(
        "merged",
        event.mid,
        event.source,
        rows={table: {"read": read, "written": written} for table, read, written in joined.rows},
        ms=round(joined.ms),
        sync_requests=sync_requests,
        follow_ups=follow_ups,
    )
    _log.debug("%s merged %s into %s", event.source.id, event.from_account, event.to_account)


def log_failed(failure: FailedEvent) -> None:
    """Log that an input has failed, and why."""
    if _log.isEnabledFor(logging.INFO):
        _log_outcome(
            "failed",
            _mid(failure.original),
            failure.source,
            error_code=failure.error_code,
            error=failure.error[:_LONGEST_TEXT],
        )


def _log_outcome(outcome: str, mid: str, source: Source, **more: Any) -> None:
    fields = {"mid": mid[:_LONGEST_TEXT], "source": source.id, "outcome": outcome, **more}
    _log.info("An event has %s.", "been merged" if outcome == "merged" else outcome, extra={"fields": fields})


def _mid(original: bytes | None) -> str:
    try:
        event = read_json(original or b"")
    except (ValueError, RecursionError):
        return ""
    mid = event.get("mid") if isinstance(event, dict) else None
    return mid if isinstance(mid, str) else ""
