"""Builders of the elements that tests pass between stages."""

import json
from typing import Any

from transforms.elements import MergeEvent, Source
from transforms.parse_merge_event import KafkaRecord, parse_merge_event

TOPIC = "local.lms.user.account.merge"


def message(from_account: Any = "from", to_account: Any = "to", **edata: Any) -> dict[str, Any]:
    return {
        "eid": "BE_JOB_REQUEST",
        "ets": 1648720639981,
        "mid": f"LP.1648720639981.{from_account}-{to_account}",
        "edata": {
            "action": "merge-user-courses-and-cert",
            "fromAccountId": from_account,
            "toAccountId": to_account,
            **edata,
        },
    }


def record(value: Any, *, partition: int = 0, offset: int = 0) -> KafkaRecord:
    """A record of `value`: bytes and None as they are, anything else as JSON."""
    raw = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    return KafkaRecord(TOPIC, partition, offset, 1_700_000_000_000, raw)


def event(from_account: str = "from", to_account: str = "to", *, offset: int = 0, **edata: Any) -> MergeEvent:
    source = Source(TOPIC, 0, offset, 1_700_000_000_000)
    return parse_merge_event(json.dumps(message(from_account, to_account, **edata)).encode(), source)
