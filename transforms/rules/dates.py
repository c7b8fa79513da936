"""Dates that the tables keep as text, compared as instants."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d(?::?[0-5]\d)?)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)

_NAMES = ("year", "month", "day", "hour", "minute", "second", "millisecond", "offset")

_TWO_DIGITS = {"M": "month", "d": "day", "H": "hour", "m": "minute", "s": "second"}
_FIELDS = {
    "yyyy": ("year", r"\d{4}"),
    **{2 * letter: (name, r"\d\d") for letter, name in _TWO_DIGITS.items()},
    **{letter: (name, r"\d\d?") for letter, name in _TWO_DIGITS.items()},
    "SSS": ("millisecond", r"\d{3}"),
    "S": ("millisecond", r"\d{1,3}"),
    "Z": ("offset", r"[+-]\d\d[0-5]\d"),
    "X": ("offset", r"Z|[+-]\d\d"),
    "XX": ("offset", r"Z|[+-]\d\d[0-5]\d"),
    "XXX": ("offset", r"Z|[+-]\d\d:[0-5]\d"),
}
"""The letters of a pattern, what they stand for and what they write."""

_SORTABLE = {
    "yyyy": r"(?!0000)\d{4}",
    "MM": r"(?:0[1-9]|1[0-2])",
    "dd": r"(?:0[1-9]|[12]\d|3[01])",
    "HH": r"(?:[01]\d|2[0-3])",
    "mm": r"[0-5]\d",
    "ss": r"[0-5]\d",
    "SSS": r"\d{3}",
}
"""Fields of a fixed width, from the largest to the smallest, and their values in any year and month."""

_TOKEN = re.compile(
    r"'(?P<quoted>(?:[^']|'')*)'|(?P<letters>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>.)", re.DOTALL
)


class TextDates:
    """The later and the earlier of two text dates (design.md, "The merge, table by table").

    A date is what the pattern would write or, where it is not, ISO 8601 in its extended form: a date alone or with
    a time, with `Z`, an offset or none, which is taken as UTC. Text that is neither, or names a moment that does
    not exist, does not parse. One that parses beats one that does not; equal instants, or two that do not parse,
    are settled by the larger string, for the earlier by the smaller; null loses to anything.
    """

    def __init__(self, pattern: str) -> None:
        """Take `course.date.format`.

        Args:
            pattern: as of Java's SimpleDateFormat: yyyy, MM, dd, HH, mm, ss and SSS, or one letter where a number
                has no leading zeros; Z, X, XX or XXX; quoted text; and any characters that are not letters.

        Raises:
            ValueError: if the pattern has other letters, or a field twice, or lacks year, month or day.
        """
        self._pattern = re.compile(_expression(pattern), re.ASCII)
        self._both_sortable = re.compile(_both_sortable_expression(pattern), re.ASCII).fullmatch

    def later(self, a: str | None, b: str | None) -> str | None:
        """The later of both."""
        if a is None or b is None or a == b:
            return b if a is None else a
        if self._sort_as_text(a, b):
            return max(a, b)
        one, other = self._instant(a), self._instant(b)
        if one is None or other is None or one == other:
            return max((one is not None, a), (other is not None, b))[1]
        return a if one > other else b

    def earlier(self, a: str | None, b: str | None) -> str | None:
        """The earlier of both."""
        if a is None or b is None or a == b:
            return b if a is None else a
        if self._sort_as_text(a, b):
            return min(a, b)
        one, other = self._instant(a), self._instant(b)
        if one is None or other is None or one == other:
            return min((one is None, a), (other is None, b))[1]
        return a if one < other else b

    def _sort_as_text(self, a: str, b: str) -> bool:
        """Whether both are moments that exist, for sure, and of which the later is the larger string."""
        return len(a) == len(b) and self._both_sortable(f"{a}\n{b}") is not None

    def _instant(self, date: str) -> timedelta | None:
        # As time since the epoch: unlike a datetime in UTC it cannot overflow next to the years 1 and 9999.
        try:
            if match := self._pattern.fullmatch(date):
                return _instant(*match.group(*_NAMES))
            if not _ISO.fullmatch(date):
                return None
            parsed = datetime.fromisoformat(date)
        except ValueError:
            return None
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)) - _EPOCH


def _instant(
    year: str, month: str, day: str, hour: str, minute: str, second: str, millisecond: str, offset: str
) -> timedelta:
    """The time since the epoch of what a pattern's groups matched; raises ValueError if there is no such time."""
    time = datetime(  # noqa: DTZ001 - the offset follows
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int(millisecond or 0) * 1000,
    )
    return time - _NAIVE_EPOCH - _offset(offset)


@lru_cache(maxsize=64)
def _offset(text: str) -> timedelta:
    """What Z or an offset from UTC stands for; raises ValueError if there is no such offset."""
    return datetime.fromisoformat(f"0001-01-01T00:00{text}").utcoffset() or timedelta()


def _both_sortable_expression(pattern: str) -> str:
    """The regular expression of two lines of one length that are dates of the pattern and sort as text.

    Those are what the pattern writes if its fields go from the largest to the smallest, each of a fixed width,
    and end with the offset, where both have the same. The 29th of February is left out, which not every year has.
    Of another pattern the expression matches nothing.
    """
    tokens = list(_TOKEN.finditer(pattern))
    letters = [token["letters"] for token in tokens if token["letters"]]
    if letters[:-1] != list(_SORTABLE)[: len(letters) - 1] or tokens[-1]["letters"] != "Z":
        return r"(?!)"
    texts = [_SORTABLE.get(token["letters"]) or re.escape(_text(token)) for token in tokens[:-1]]
    month, day = (texts.index(_SORTABLE[letter]) for letter in ("MM", "dd"))
    between = "".join(texts[month + 1 : day])
    texts.insert(month, rf"(?!02{between}(?:29|3\d)|(?:0[469]|11){between}31)")
    date = "".join(texts)
    return rf"{date}([+-](?:[01]\d|2[0-3])[0-5]\d)\n{date}\1"


def _text(token: re.Match[str]) -> str:
    """The text of a token that is no field; two quotes are a quote, within quoted text and without."""
    return str(token["other"] or token["quoted"].replace("''", "'") or "'")


def _expression(pattern: str) -> str:
    """The regular expression of what the pattern writes; raises ValueError as TextDates does."""
    expression, seen = "", set()
    for token in _TOKEN.finditer(pattern):
        letters = token["letters"]
        if letters is None:
            expression += re.escape(_text(token))
            continue
        if letters not in _FIELDS:
            msg = f"The date pattern {pattern!r} has {letters!r}, which is not supported"
            raise ValueError(msg)
        name, value = _FIELDS[letters]
        if name in seen:
            msg = f"The date pattern {pattern!r} has the {name} twice"
            raise ValueError(msg)
        seen.add(name)
        expression += f"(?P<{name}>{value})"
    if missing := {"year", "month", "day"} - seen:
        msg = f"The date pattern {pattern!r} has no {' and no '.join(sorted(missing))}"
        raise ValueError(msg)
    # Those that the pattern lacks match nothing, so that each pattern has the same groups.
    return expression + "".join(f"(?P<{name}>)" for name in _NAMES if name not in seen)
