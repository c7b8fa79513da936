"""Failed events: the one place that makes the record of a failure (design.md, "Failed events")."""

from __future__ import annotations

import base64
import dataclasses
import logging
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection

from transforms.elements import FailedEvent
from transforms.event_log import log_failed
from transforms.metrics import FAILED_EVENTS, NAMESPACE
from transforms.records import ReadLimits, Record, RecordLimits, room_for_value
from transforms.strict_json import read_json, write_json

FAILED = "failed"
"""The tagged output by which every stage's failures leave."""

INVALID_EVENT = "ERR_MERGE_USER_COURSES_INVALID_EVENT"
DATA_ERROR = "DATA_ERROR"
JOB_NAME = "MergeUserCourses"

_ADDED = frozenset({"jobName", "failInfo", "source"})
"""The fields that a failed event has besides those of its original."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TruncatedMessage:
    """A message that was too large for its failed event.

    Attributes:
        beginning: what the failed event has of it, in bytes.
        size: how many bytes it has.
    """

    beginning: bytes
    size: int


def failed_event(failure: FailedEvent) -> dict[str, Any]:
    """The failed topic's JSON object for a failure, with the whole original.

    The original event's own fields come first; where the input was no JSON object there are none, and
    `rawMessage` carries the input: as text where it is UTF-8, else as base64 with `rawEncoding`, and null for a
    tombstone.
    """
    return {**_original_fields(failure), **_added_fields(failure)}


def failed_record(failure: FailedEvent, limit: int) -> Record | None:
    """The Kafka record of a failure, with something cut where it would be larger than its topic takes.

    First that is the error, which then has a quarter of the record, then the original: it is carried as the
    beginning of `rawMessage`, with `rawTruncated: true` and its whole size in bytes as `rawBytes`.

    Args:
        failure: what failed.
        limit: max.message.bytes of the failed topic.

    Returns:
        key `topic-partition-offset` and JSON; None if not even the failure's source fits.
    """
    key = failure.source.id.encode()
    room = room_for_value(key, limit)
    value = write_json(failed_event(failure))
    if len(value) > room:
        failure = dataclasses.replace(failure, error=_beginning(failure.error, room // 4))
        value = write_json(failed_event(failure))
    if len(value) > room and failure.original:
        value = write_json(_truncated_event(failure, failure.original, room))
    return (key, value) if len(value) <= room else None


def original_message(failed: Mapping[str, Any]) -> bytes | TruncatedMessage | None:
    """The message that a failed event was made of: what `failed_record` puts in, taken out again.

    A message that fails again gives the same fields again, so nothing gathers however often it is replayed. What
    the failed event does not tell cannot come back: an object is written anew, so its spaces, escapes and repeated
    names may differ from those of the input; a field of its own that is named like one of those added is lost; and
    an object of nothing but a `rawMessage`, which is no valid event, is taken for the message in it.

    Returns:
        the message, or its beginning; None for a tombstone.

    Raises:
        RecursionError: if it is nested almost too deeply.
    """
    own = {name: value for name, value in failed.items() if name not in _ADDED}
    try:
        match own:
            case {"rawMessage": None, **others} if not others:
                return None
            case {"rawMessage": str(text), "rawTruncated": True, "rawBytes": int(size), **encoding}:
                return TruncatedMessage(_message_of(text, encoding), size)
            case {"rawMessage": str(text), **encoding}:
                return _message_of(text, encoding)
    except ValueError:
        pass  # no message was ever carried like this, so the fields are the original's own
    return write_json(own)


def _message_of(text: str, encoding: Mapping[str, Any]) -> bytes:
    """The bytes that `_raw_message` made text of; ValueError for any text or encoding that it does not make."""
    if not encoding:
        return text.encode("utf-8")
    if encoding != {"rawEncoding": "base64"}:
        msg = "this is no encoding of ours"
        raise ValueError(msg)
    return base64.b64decode(text, validate=True)


def _original_fields(failure: FailedEvent) -> dict[str, Any]:
    original = failure.original
    if original is None:
        return {"rawMessage": None}
    try:
        event = read_json(original)
        write_json(event)  # what is nested almost too deeply can be read, yet not be written
    except (ValueError, RecursionError):
        event = None
    return event if isinstance(event, dict) else _raw_message(original)


def _raw_message(original: bytes) -> dict[str, Any]:
    try:
        return {"rawMessage": original.decode("utf-8")}
    except UnicodeDecodeError:
        return {"rawMessage": base64.b64encode(original).decode("ascii"), "rawEncoding": "base64"}


def _added_fields(failure: FailedEvent) -> dict[str, Any]:
    source = failure.source
    return {
        "jobName": JOB_NAME,
        "failInfo": {"errorCode": failure.error_code, "error": failure.error},
        "source": {
            "topic": source.topic,
            "partition": source.partition,
            "offset": source.offset,
            "timestamp": source.timestamp,
        },
    }


def _truncated_event(failure: FailedEvent, original: bytes, room: int) -> dict[str, Any]:
    """The failed event in `room` bytes of JSON, with as much of its original as they hold."""
    raw, added = _raw_message(original), _added_fields(failure)
    whole = raw.pop("rawMessage")
    truncated = {"rawTruncated": True, "rawBytes": len(original)}
    left = room - len(write_json({"rawMessage": "", **raw, **truncated, **added}))
    # Base64 is all ASCII, and four characters of it stand for three bytes.
    kept = whole[: max(0, left) // 4 * 4] if raw else _fitting(whole, left)
    # An object may take less room as it was read than as it is written.
    return {"rawMessage": kept, **raw, **({} if kept == whole else truncated), **added}


def _fitting(text: str, room: int) -> str:
    """As many characters of the text as take `room` bytes within a JSON string."""
    lengths = range(1, min(len(text), room) + 1)
    return text[: bisect_right(lengths, room, key=lambda length: len(write_json(text[:length])) - len('""'))]


def _beginning(text: str, room: int) -> str:
    """The text, or as much of it as `room` bytes hold, and a sign that there was more."""
    cut = _fitting(text, room)
    return text if cut == text else f"{cut} …"


class FormatFailedEventFn(beam.DoFn):
    """Formats one failure; elements as of FormatFailedEvents."""

    def __init__(self, read_limits: ReadLimits) -> None:
        self._read_limits = read_limits
        self._failed = Metrics.counter(NAMESPACE, FAILED_EVENTS)

    def setup(self) -> None:
        """Ask what the failed topic takes."""
        self._limit = self._read_limits().failed

    def start_bundle(self) -> None:
        """Let Prometheus see the counter before the first failure, which it then sees as an increase."""
        self._failed.inc(0)

    def process(self, element: FailedEvent) -> Iterator[Record]:
        """Yield the record, and count it unless parsing has counted it as skipped."""
        if element.error_code == DATA_ERROR:
            self._failed.inc()
        log_failed(element)
        record = failed_record(element, self._limit)
        if record is not None:
            yield record
        else:
            _log.error(
                "The failed topic takes no record as large as one that names its source (max.message.bytes %d): "
                "%s has failed with %s, and only this line tells it.",
                self._limit,
                element.source.id,
                element.error_code,
            )


@beam.typehints.with_input_types(FailedEvent)
@beam.typehints.with_output_types(Record)
class FormatFailedEvents(beam.PTransform):
    """FailedEvent to the Kafka record of the failed topic: key `topic-partition-offset`, value JSON.

    No record is larger than its topic takes (see `failed_record`).
    """

    def __init__(self, read_limits: ReadLimits = RecordLimits) -> None:
        """Take what tells the topics' limits on a worker."""
        super().__init__()
        self._fn = FormatFailedEventFn(read_limits)

    def expand(self, failures: PCollection) -> PCollection:
        """Wire the formatting."""
        return failures | beam.ParDo(self._fn).with_output_types(Record)
