"""ParseMergeEvent: Kafka records in, valid merge events out, everything else to `failed`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import DoOutputsTuple, PCollection, TaggedOutput

from transforms.dofns.outputs import declare_types
from transforms.elements import FailedEvent, MergeEvent, Source
from transforms.format_failed_events import FAILED, INVALID_EVENT
from transforms.metrics import NAMESPACE, REPLAYED_EVENTS, SKIPPED_EVENTS, TOTAL_EVENTS
from transforms.pace import ReadersPace, Throttle
from transforms.strict_json import read_json

ACTION = "merge-user-courses-and-cert"

REPLAYED_FROM = "replayed-from"
"""The header of a replayed event: `topic-partition-offset` of the failed event it was made of."""


class KafkaRecord(NamedTuple):
    """The fields that this pipeline uses of a row of `ReadFromKafka(with_metadata=True)`.

    Attributes:
        topic: the topic it was read from.
        partition: its partition.
        offset: its offset.
        timestamp: its timestamp in ms since the epoch.
        value: the message; None for a tombstone.
        headers: its headers, each of key and value; None where it has none.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] | None = None


class InvalidEventError(ValueError):
    """An input that is not a valid merge event; the message says what is wrong with it."""


def parse_merge_event(value: bytes | None, source: Source, *, replayed: bool = False) -> MergeEvent:
    """Parse one message (design.md, "Parsing").

    Args:
        value: the message as it was read; None for a tombstone.
        source: where it was read.
        replayed: whether a replay has published it.

    Raises:
        InvalidEventError: if it is not a valid merge event.
    """
    event = _json_object(value)
    edata = event.get("edata")
    if not isinstance(edata, dict):
        raise InvalidEventError(_expected("edata", "an object", edata))
    from_account = _account(edata, "fromAccountId")
    to_account = _account(edata, "toAccountId")
    if from_account == to_account:
        msg = "edata.fromAccountId and edata.toAccountId are the same account"
        raise InvalidEventError(msg)
    if "action" in edata and edata["action"] != ACTION:
        raise InvalidEventError(_expected("edata.action", f'"{ACTION}"', edata["action"]))
    path = edata.get("path", [])
    if not isinstance(path, list) or not all(map(_is_text, path)):
        raise InvalidEventError(_expected("edata.path", "a list of strings", path))
    mid, ets = event.get("mid"), event.get("ets")
    return MergeEvent(
        from_account=from_account,
        to_account=to_account,
        mid=mid if isinstance(mid, str) and _is_text(mid) else "",
        ets=ets if type(ets) is int else 0,
        path=tuple(path),
        source=source,
        original=value or b"",
        replayed=replayed,
    )


def _json_object(value: bytes | None) -> dict[str, Any]:
    if value is None:
        msg = "The message has no value (a tombstone)"
        raise InvalidEventError(msg)
    try:
        event = read_json(value)
    except UnicodeDecodeError as e:
        msg = f"The message is not UTF-8 (byte {e.start})"
        raise InvalidEventError(msg) from e
    except ValueError as e:
        msg = f"The message is not JSON: {e}"
        raise InvalidEventError(msg) from e
    if not isinstance(event, dict):
        raise InvalidEventError(_expected("The message", "a JSON object", event))
    return event


def _account(edata: dict[str, Any], name: str) -> str:
    account = edata.get(name)
    if not isinstance(account, str) or not account.strip():
        raise InvalidEventError(_expected(f"edata.{name}", "a non-blank string", account))
    surrogate = _lone_surrogate(account)
    if surrogate is not None:
        msg = f"edata.{name} has a lone surrogate at character {surrogate}, which is no text"
        raise InvalidEventError(msg)
    return account


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and _lone_surrogate(value) is None


def _lone_surrogate(text: str) -> int | None:
    """The place of half a surrogate pair, or None: JSON can escape one, which UTF-8 cannot hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as e:
        return e.start
    return None


def _expected(what: str, wanted: str, found: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    kind = "blank" if isinstance(found, str) and not found.strip() else kinds.get(type(found), "a number")
    return f"{what} is not {wanted}" if kind in wanted else f"{what} is {kind}, not {wanted}"


class ParseMergeEventFn(beam.DoFn):
    """Parses one record; elements as of ParseMergeEvent."""

    def __init__(self, throttle: Throttle | None) -> None:
        self._throttle = throttle
        self._total = Metrics.counter(NAMESPACE, TOTAL_EVENTS)
        self._skipped = Metrics.counter(NAMESPACE, SKIPPED_EVENTS)
        self._replayed = Metrics.counter(NAMESPACE, REPLAYED_EVENTS)

    def setup(self) -> None:
        """Begin to keep to the pace; a runner has an instance for each reader of the source before it."""
        self._pace = ReadersPace(self._throttle) if self._throttle else None

    def process(self, element: KafkaRecord) -> Iterator[MergeEvent | TaggedOutput]:
        """Yield the event, or its failure tagged `failed`, when its turn has come."""
        if self._pace:
            self._pace.wait(element.partition)
        self._total.inc()
        source = Source(element.topic, element.partition, element.offset, element.timestamp)
        try:
            replayed = any(header[0] == REPLAYED_FROM for header in element.headers or ())
            event = parse_merge_event(element.value, source, replayed=replayed)
        except InvalidEventError as e:
            self._skipped.inc()
            yield TaggedOutput(FAILED, FailedEvent(INVALID_EVENT, str(e), source, element.value))
            return
        # Also where it is none: Prometheus then has a first value to count from.
        self._replayed.inc(replayed)
        yield event


@beam.typehints.with_input_types(Any)
class ParseMergeEvent(beam.PTransform):
    """Kafka records (rows with the fields of KafkaRecord) to merge events.

    Outputs: main, MergeEvent; `failed`, FailedEvent with ERR_MERGE_USER_COURSES_INVALID_EVENT.
    """

    def __init__(self, throttle: Throttle | None = None) -> None:
        """Take the pace of the job, if it has one."""
        super().__init__()
        self._fn = ParseMergeEventFn(throttle)

    def expand(self, records: PCollection) -> DoOutputsTuple:
        """Wire the DoFn and its tagged output."""
        outputs = records | beam.ParDo(self._fn).with_outputs(FAILED, main="events")
        return declare_types(outputs, events=MergeEvent, failed=FailedEvent)
