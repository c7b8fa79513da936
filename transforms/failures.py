"""Failed events: the one place that makes the record of a failure (design.md, "Failed events")."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection

from transforms.elements import FailedEvent
from transforms.metrics import FAILED_EVENTS, NAMESPACE
from transforms.strict_json import read_json

FAILED = "failed"
"""The tagged output by which every stage's failures leave."""

INVALID_EVENT = "ERR_MERGE_USER_COURSES_INVALID_EVENT"
DATA_ERROR = "DATA_ERROR"
JOB_NAME = "MergeUserCourses"

_ADDED = frozenset({"jobName", "failInfo", "source"})
"""The fields that a failed event has besides those of its original."""


def failed_event(failure: FailedEvent) -> dict[str, Any]:
    """The failed topic's JSON object for a failure.

    The original event's own fields come first; where the input was no JSON object there are none, and
    `rawMessage` carries the input: as text where it is UTF-8, else as base64 with `rawEncoding`, and null for a
    tombstone.
    """
    source = failure.source
    return {
        **_original_fields(failure),
        "jobName": JOB_NAME,
        "failInfo": {"errorCode": failure.error_code, "error": failure.error},
        "source": {
            "topic": source.topic,
            "partition": source.partition,
            "offset": source.offset,
            "timestamp": source.timestamp,
        },
    }


def _original_fields(failure: FailedEvent) -> dict[str, Any]:
    original = failure.original
    if original is None:
        return {"rawMessage": None}
    try:
        text = original.decode("utf-8")
    except UnicodeDecodeError:
        return {"rawMessage": base64.b64encode(original).decode("ascii"), "rawEncoding": "base64"}
    try:
        event = read_json(original)
        json.dumps(event)  # what is nested almost too deeply can be read, yet not be written
    except (ValueError, RecursionError):
        return {"rawMessage": text}
    return event if isinstance(event, dict) else {"rawMessage": text}


def original_message(failed: Mapping[str, Any]) -> bytes | None:
    """The message that a failed event was made of: what `failed_event` puts in, taken out again.

    A message that fails again gives the same fields again, so nothing gathers however often it is replayed. What
    the failed event does not tell cannot come back: an object is written anew, so its spaces, escapes and repeated
    names may differ from those of the input; a field of its own that is named like one of those added is lost; and
    an object of nothing but a `rawMessage`, which is no valid event, is taken for the message in it.

    Returns:
        the message; None for a tombstone.

    Raises:
        RecursionError: if it is nested almost too deeply.
    """
    own = {name: value for name, value in failed.items() if name not in _ADDED}
    try:
        match own.get("rawMessage"), own.keys():
            case None, names if names == {"rawMessage"}:
                return None
            case str(text), names if names == {"rawMessage"}:
                return text.encode("utf-8")
            case str(text), names if names == {"rawMessage", "rawEncoding"} and own["rawEncoding"] == "base64":
                return base64.b64decode(text, validate=True)
    except ValueError:
        pass  # no message was ever carried like this, so the fields are the original's own
    return json.dumps(own).encode()


class FormatFailedEventFn(beam.DoFn):
    """Formats one failure; elements as of FormatFailedEvents."""

    def __init__(self) -> None:
        self._failed = Metrics.counter(NAMESPACE, FAILED_EVENTS)

    def process(self, element: FailedEvent) -> Iterator[tuple[bytes, bytes]]:
        """Yield the record, and count it unless parsing has counted it as skipped."""
        if element.error_code == DATA_ERROR:
            self._failed.inc()
        yield element.source.id.encode(), json.dumps(failed_event(element)).encode()


@beam.typehints.with_input_types(FailedEvent)
@beam.typehints.with_output_types(tuple[bytes, bytes])
class FormatFailedEvents(beam.PTransform):
    """FailedEvent to the Kafka record of the failed topic: key `topic-partition-offset`, value JSON."""

    def expand(self, failures: PCollection) -> PCollection:
        """Wire the formatting."""
        return failures | beam.ParDo(FormatFailedEventFn()).with_output_types(tuple[bytes, bytes])
