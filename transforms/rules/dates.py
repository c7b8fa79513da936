"""Dates that the tables keep as text, compared as instants."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from transforms.rules.date_patterns import FIELDS, expression_of, expression_of_two_that_sort

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d(?::?[0-5]\d)?)?)?", re.ASCII
)
_AS_ISO = "{}-{:0>2}-{:0>2}T{:0>2}:{:0>2}:{:0>2}.{:0>3}{}".format
"""Writes FIELDS in ISO 8601; one that is empty is zero."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ANY = timedelta()


class TextDates:
    """Two joins: the later and the earlier of two text dates (design.md, "The merge, table by table").

    A date is what the pattern would write or, where it is not, ISO 8601 in its extended form: a date alone or with
    a time, with `Z`, an offset or none, which is taken as UTC. Text that is neither, or names a moment that does
    not exist, does not parse. One that parses beats one that does not; equal instants, or two that do not parse,
    are settled by the larger string, for the earlier by the smaller.
    """

    def __init__(self, pattern: str) -> None:
        """Take `course.date.format`.

        Args:
            pattern: as of Java's SimpleDateFormat: yyyy, MM, dd, HH, mm, ss and SSS, or one letter where a number
                has no leading zeros; Z, X, XX or XXX; quoted text; and any characters that are not letters.

        Raises:
            ValueError: if the pattern has other letters, or a field twice, or lacks year, month or day.
        """
        self._of_pattern = expression_of(pattern).fullmatch
        self._two_that_sort = expression_of_two_that_sort(pattern).fullmatch

    def later(self, a: str, b: str) -> str:
        """The later of both."""
        if self._sort_as_text(a, b):
            return max(a, b)
        return max(a, b, key=self._later_is_larger)

    def earlier(self, a: str, b: str) -> str:
        """The earlier of both."""
        if self._sort_as_text(a, b):
            return min(a, b)
        return min(a, b, key=self._earlier_is_smaller)

    def _sort_as_text(self, a: str, b: str) -> bool:
        """Whether both exist, and the later is the larger string; hardly any two dates do not, and it is quick."""
        return len(a) == len(b) and self._two_that_sort(f"{a}\n{b}") is not None

    def _later_is_larger(self, date: str) -> tuple[bool, timedelta, str]:
        instant = self._instant(date)
        return instant is not None, instant or _ANY, date

    def _earlier_is_smaller(self, date: str) -> tuple[bool, timedelta, str]:
        instant = self._instant(date)
        return instant is None, instant or _ANY, date

    def _instant(self, date: str) -> timedelta | None:
        """The time since the epoch, which compares faster than a datetime, or None if the date does not parse."""
        if match := self._of_pattern(date):
            iso = _AS_ISO(*match.group(*FIELDS))
        elif _ISO.fullmatch(date):
            iso = date
        else:
            return None
        try:
            instant = datetime.fromisoformat(iso)
        except ValueError:
            return None
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - _EPOCH
