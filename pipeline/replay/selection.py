"""Which failed events are replayed: pure functions of the records of the failed topic."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any

from pipeline.printable import printable
from transforms.elements import Source
from transforms.format_failed_events import JOB_NAME, TruncatedMessage, original_message
from transforms.strict_json import read_json


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A failed event of this job, as it lies in the failed topic.

    Attributes:
        source: the position in the failed topic; its timestamp says when the event failed.
        origin: where the original was read.
        error_code: what it failed with.
        error: the sentence that says why.
        mid: the original's message id, None where it has none that is text.
        from_account: the account that was to be merged, None where the original has none that is text.
        to_account: the account it was to be merged into, as from_account.
        original: the message to publish again, or its beginning; None for a tombstone.
        whole_bytes: how many bytes the whole message has, where `original` is only its beginning.
    """

    source: Source
    origin: Source
    error_code: str
    error: str
    mid: str | None
    from_account: str | None
    to_account: str | None
    original: bytes | None
    whole_bytes: int | None

    def with_original(self, original: bytes) -> FailedRecord:
        """The same with the whole of an original of which it had the beginning."""
        try:
            event = read_json(original)
        except ValueError:
            event = None
        mid, from_account, to_account = _told(event if isinstance(event, dict) else {})
        return dataclasses.replace(
            self, original=original, whole_bytes=None, mid=mid, from_account=from_account, to_account=to_account
        )

    def line(self) -> str:
        """The event as one line for an operator; nothing in it can move the cursor, or pass for a second line."""
        accounts = f"{self.from_account or '-'} → {self.to_account or '-'}"
        parts = (utc(self.source.timestamp), self.error_code, self.mid or "-", accounts, self.error)
        return "  ".join(map(printable, parts))


def read_failed_record(value: bytes | None, source: Source) -> FailedRecord | None:
    """Read a record of the failed topic.

    Args:
        value: its value.
        source: where it lies.

    Returns:
        the failed event; None if it is none of this job's, since a platform's jobs may share the topic, and the
        Scala job of the same name may have written to it. Ours says where its original was read.
    """
    if value is None:
        return None
    try:
        failed = read_json(value)
        if not isinstance(failed, dict) or failed.get("jobName") != JOB_NAME:
            return None
        origin = _source(failed.get("source"))
        if origin is None:
            return None
        original = original_message(failed)
    except (ValueError, RecursionError):
        return None
    fail_info = _object(failed, "failInfo")
    mid, from_account, to_account = _told(failed)
    return FailedRecord(
        source=source,
        origin=origin,
        error_code=_text(fail_info, "errorCode") or "",
        error=_text(fail_info, "error") or "",
        mid=mid,
        from_account=from_account,
        to_account=to_account,
        original=original.beginning if isinstance(original, TruncatedMessage) else original,
        whole_bytes=original.size if isinstance(original, TruncatedMessage) else None,
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which failed events to replay.

    Attributes:
        error_codes: those that failed with one of these; None for whatever the code.
        accounts: those that merge one of these, or into one; empty for whatever the account.
        since: those that failed at or after this time.
        until: those that failed before this time.
    """

    error_codes: frozenset[str] | None
    accounts: frozenset[str]
    since: datetime | None
    until: datetime | None

    def includes_time(self, timestamp: int) -> bool:
        """Whether an event that failed then, in ms since the epoch, is within the times."""
        return (self.since is None or timestamp >= milliseconds(self.since)) and (
            self.until is None or timestamp < milliseconds(self.until)
        )

    def includes_code(self, failed: FailedRecord) -> bool:
        """Whether the code is among those asked for."""
        return self.error_codes is None or failed.error_code in self.error_codes

    def includes(self, failed: FailedRecord) -> bool:
        """Whether code and account are among those asked for."""
        return self.includes_code(failed) and (
            not self.accounts or not self.accounts.isdisjoint({failed.from_account, failed.to_account})
        )


class Verdict(Enum):
    """What becomes of a failed event."""

    FILTERED_OUT = auto()
    GONE = auto()
    DUPLICATE = auto()
    CHOSEN = auto()


class Chooser:
    """Chooses events, each original once: an event fails again with each replay until its cause is gone."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._chosen: set[bytes | None] = set()

    def choose(self, failed: FailedRecord) -> Verdict:
        """Decide on an event, whose original is whole, and keep a digest of 32 bytes of that."""
        if not self._selection.includes(failed):
            return Verdict.FILTERED_OUT
        digest = None if failed.original is None else hashlib.sha256(failed.original).digest()
        if digest in self._chosen:
            return Verdict.DUPLICATE
        self._chosen.add(digest)
        return Verdict.CHOSEN


def milliseconds(time: datetime) -> int:
    """The time in ms since the epoch; 0 for any before it."""
    return max(0, round(time.timestamp() * 1000))


def utc(timestamp: int) -> str:
    """Milliseconds since the epoch as ISO 8601 in UTC, to the second."""
    return f"{datetime.fromtimestamp(timestamp / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _source(value: Any) -> Source | None:
    """What `source` of a failed event says, None where no event of this job would say it."""
    match value:
        case {"topic": str(topic), "partition": int(partition), "offset": int(offset), "timestamp": int(time)}:
            return Source(topic, partition, offset, time)
    return None


def _told(event: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """An event's mid, from account and to account, as far as it has them."""
    edata = _object(event, "edata")
    return _text(event, "mid"), _text(edata, "fromAccountId"), _text(edata, "toAccountId")


def _object(of: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def _text(of: Mapping[str, Any], name: str) -> str | None:
    value = of.get(name)
    return value if isinstance(value, str) else None
