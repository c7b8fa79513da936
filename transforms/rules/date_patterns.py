"""Patterns of dates as Java's SimpleDateFormat has them, as regular expressions."""

from __future__ import annotations

import re
from typing import NamedTuple

FIELDS = ("year", "month", "day", "hour", "minute", "second", "millisecond", "offset")
"""The groups of every expression; those that a pattern lacks match nothing."""

_TWO_DIGITS = {"M": "month", "d": "day", "H": "hour", "m": "minute", "s": "second"}
_LETTERS = {
    "yyyy": ("year", r"\d{4}"),
    **{2 * letter: (field, r"\d\d") for letter, field in _TWO_DIGITS.items()},
    **{letter: (field, r"\d\d?") for letter, field in _TWO_DIGITS.items()},
    "SSS": ("millisecond", r"\d{3}"),
    "S": ("millisecond", r"\d{1,3}"),
    "Z": ("offset", r"[+-]\d\d[0-5]\d"),
    "X": ("offset", r"Z|[+-]\d\d"),
    "XX": ("offset", r"Z|[+-]\d\d[0-5]\d"),
    "XXX": ("offset", r"Z|[+-]\d\d:[0-5]\d"),
}
"""What a pattern's letters stand for, and what is written for them."""

_SORTABLE = {
    "yyyy": r"(?!0000)\d{4}",
    "MM": r"(?:0[1-9]|1[0-2])",
    "dd": r"(?:0[1-9]|[12]\d|3[01])",
    "HH": r"(?:[01]\d|2[0-3])",
    "mm": r"[0-5]\d",
    "ss": r"[0-5]\d",
    "SSS": r"\d{3}",
}
"""Letters of a fixed width, from the largest unit to the smallest, and their values in any year and month."""

_TOKEN = re.compile(
    r"'(?P<quoted>(?:[^']|'')*)'|(?P<letters>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>.)", re.DOTALL
)


class _Token(NamedTuple):
    """A part of a pattern: letters that stand for a field, or text that is written as it is."""

    letters: str | None
    text: str


def expression_of(pattern: str) -> re.Pattern[str]:
    """What the pattern writes, with a group for each of FIELDS.

    Raises:
        ValueError: if the pattern has other letters, or a field twice, or lacks year, month or day.
    """
    expression, seen = "", set()
    for letters, text in _tokens(pattern):
        if letters is None:
            expression += re.escape(text)
            continue
        if letters not in _LETTERS:
            msg = f"The date pattern {pattern!r} has {letters!r}, which is not supported"
            raise ValueError(msg)
        field, written = _LETTERS[letters]
        if field in seen:
            msg = f"The date pattern {pattern!r} has the {field} twice"
            raise ValueError(msg)
        seen.add(field)
        expression += f"(?P<{field}>{written})"
    if missing := {"year", "month", "day"} - seen:
        msg = f"The date pattern {pattern!r} has no {' and no '.join(sorted(missing))}"
        raise ValueError(msg)
    lacking = "".join(f"(?P<{field}>)" for field in FIELDS if field not in seen)
    return re.compile(expression + lacking, re.ASCII)


def expression_of_two_that_sort(pattern: str) -> re.Pattern[str]:
    """Two lines of one length that are dates of the pattern, exist, and sort as their texts do.

    So do dates with the same offset, where the pattern's fields have a fixed width and go from the largest unit to
    the smallest, the offset last. Of another pattern the expression matches nothing.
    """
    *tokens, last = _tokens(pattern)
    letters = [token.letters for token in tokens if token.letters]
    if letters != list(_SORTABLE)[: len(letters)] or last.letters != "Z":
        return re.compile(r"(?!)")
    parts = [_SORTABLE[token.letters] if token.letters else re.escape(token.text) for token in tokens]
    month, day = parts.index(_SORTABLE["MM"]), parts.index(_SORTABLE["dd"])
    between = "".join(parts[month + 1 : day])
    not_in_each_year = rf"(?!02{between}(?:29|3\d)|(?:0[469]|11){between}31)"
    date = "".join([*parts[:month], not_in_each_year, *parts[month:]])
    return re.compile(rf"{date}(?P<offset>[+-](?:[01]\d|2[0-3])[0-5]\d)\n{date}(?P=offset)", re.ASCII)


def _tokens(pattern: str) -> list[_Token]:
    """The parts of a pattern; two quotes are a quote, within quoted text and without."""
    return [
        _Token(token["letters"], token["other"] or (token["quoted"] or "").replace("''", "'") or "'")
        for token in _TOKEN.finditer(pattern)
    ]
