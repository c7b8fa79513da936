"""The Kafka records that leave the graph: JSON, and no larger than their topics take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transforms.strict_json import write_json

Record = tuple[bytes, bytes]
"""Key and value."""

BROKER_DEFAULT = 1_048_588
"""Kafka's own max.message.bytes."""

_OVERHEAD = 128
"""Bytes that a record and its batch take beside key and value: 61 and at most 32."""


@dataclass(frozen=True, slots=True)
class RecordLimits:
    """How large a record may be for each output of the graph: max.message.bytes of its topic."""

    sync_requests: int = BROKER_DEFAULT
    follow_ups: int = BROKER_DEFAULT
    failed: int = BROKER_DEFAULT


ReadLimits = Callable[[], RecordLimits]
"""Called where records are made, as often as a worker is started."""


class RecordTooLargeError(ValueError):
    """A record that its topic would not take; the message says how large both are."""


def room_for_value(key: bytes, limit: int) -> int:
    """How many bytes of a value fit beside its key.

    The limit is that of the whole batch, as the topic stores it: where it compresses what cannot be compressed,
    that grows by less than a thousandth.
    """
    return limit - limit // 1_000 - _OVERHEAD - len(key)


def account_record(account: str, message: dict[str, Any], limit: int) -> Record:
    """A message about an account, which is its key.

    Raises:
        RecordTooLargeError: if it is larger than the limit allows.
    """
    key, value = account.encode(), write_json(message)
    if (room := room_for_value(key, limit)) < len(value):
        msg = f"it has {len(value):,} bytes, and its topic takes {room:,} (max.message.bytes is {limit:,})"
        raise RecordTooLargeError(msg)
    return key, value
