"""A change in the small: what people read of a column, entry by entry, and how they read a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pipeline.printable import printable
from transforms.rules.changes import Change
from transforms.rules.table_rules import differ
from transforms.strict_json import read_json

NOTHING = "-"
"""What a null is read as."""

_OF_AN_ATTEMPT = {"attempt_id", "content_id", "score", "max_score", "last_attempted_on", "type"}


class Detail(NamedTuple):
    """What changes in a column, as a whole, in one entry of a map, or by one item of a list.

    Attributes:
        column: the column.
        entry: the key of the entry; empty for a column that is no map.
        is_item: whether it is one item of a list, that comes or goes.
        old: the value before, None where there was none.
        new: the value after, likewise.
    """

    column: str
    entry: str
    is_item: bool
    old: Any
    new: Any

    @property
    def name(self) -> str:
        """The column, and the entry if it is one."""
        return printable(f"{self.column} {self.entry}" if self.entry else self.column)


def details(change: Change) -> list[Detail]:
    """All that changes in a row, column by column."""
    return [detail for column, (old, new) in change.columns.items() for detail in _details(column, old, new)]


def row_name(change: Change) -> str:
    """What names the row within its account and course: the rest of its key."""
    accounts = ("userid", "user_id")
    names = [str(value) for column, value in change.key.items() if column not in accounts]
    # The kind of an activity is always Course; the course is told by whoever shows the row.
    named = [name for name in names if name not in (change.course, "Course")]
    return printable(" ".join(named) or change.course)


def _details(column: str, old: Any, new: Any) -> Iterator[Detail]:
    if isinstance(old or new, Mapping):
        before, after = old or {}, new or {}
        for key in sorted({*before, *after}, key=str):
            if differ(before.get(key), after.get(key)):
                yield Detail(column, str(key), False, before.get(key), after.get(key))
    elif isinstance(old or new, list):
        before, after = old or [], new or []
        gone = [item for item in before if item not in after]
        come = [item for item in after if item not in before]
        yield from (Detail(column, "", True, item, None) for item in gone)
        yield from (Detail(column, "", True, None, item) for item in come)
        if not gone and not come:
            yield Detail(column, "", False, old, new)
    else:
        yield Detail(column, "", False, old, new)


def read_as(value: Any) -> str:
    """A value as people read it, in one line; different values are read differently."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case float():
            return repr(value).removesuffix(".0")
        case datetime():
            return _time(value)
        case bytes():
            return f"0x{value.hex()}"
        case str():
            return _attempt(value) or printable(value) or '""'
        case Mapping():
            return ", ".join(f"{printable(str(key))} {read_as(item)}" for key, item in value.items())
        case list() | tuple():
            return "; ".join(map(read_as, value))
        case _:
            return printable(str(value))


def told(detail: Detail, asked_at: datetime) -> str:
    """A new value as people read it, of a merge that is only planned.

    Args:
        detail: what would change.
        asked_at: when it was planned; what is not before that is the time of the merge, as what is empty in place
            of a mid is that of the event.
    """
    if isinstance(detail.new, datetime) and detail.new >= asked_at:
        return "the time of the merge"
    return "that of the event" if (detail.column, detail.new) == ("mid", "") else read_as(detail.new)


def _time(time: datetime) -> str:
    """In UTC, to the minute unless there is more."""
    more = ":%S.%f" if time.microsecond else ":%S" if time.second else ""
    return f"{time:%Y-%m-%d %H:%M}" + f"{time:{more}}"[: len(":00.000")] if more else f"{time:%Y-%m-%d %H:%M}"


def _attempt(text: str) -> str | None:
    """An attempt at an assessment, if the text is one that can be told in a sentence."""
    if not text.startswith("{"):
        return None
    try:
        fields = read_json(text.encode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or "attempt_id" not in fields or fields.keys() - _OF_AN_ATTEMPT:
        return None
    if fields.get("type", "attempt_metrics") != "attempt_metrics":
        return None
    words = f"attempt {fields['attempt_id']}"
    if "content_id" in fields:
        words += f" on {fields['content_id']}"
    if "score" in fields:
        words += f", score {read_as(fields['score'])}"
    if "max_score" in fields:
        words += f" of {read_as(fields['max_score'])}"
    if "last_attempted_on" in fields:
        words += f", {_attempted(fields['last_attempted_on'])}"
    return printable(words)


def _attempted(time: Any) -> str:
    """When: a number is in ms since the epoch."""
    try:
        return _time(datetime.fromtimestamp(time / 1000, UTC))
    except (TypeError, ValueError, OverflowError, OSError):
        return str(time)
