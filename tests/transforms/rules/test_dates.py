from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.rules.dates import TextDates

DATES = TextDates("yyyy-MM-dd HH:mm:ss:SSSZ")

# Of each pair, the second is later.
LATER = {
    "as the pattern writes it": ("2022-03-01 10:00:00:000+0000", "2022-03-01 10:00:00:001+0000"),
    "compared as instants, not as strings": ("2022-03-01 12:00:00:000+0530", "2022-03-01 10:00:00:000+0000"),
    "an offset west of Greenwich": ("2022-03-01 10:00:00:000+0000", "2022-03-01 09:00:00:000-0130"),
    "ISO 8601 with Z": ("2022-03-01T10:00:00Z", "2022-03-01 10:00:00:001+0000"),
    "ISO 8601 with fractions": ("2022-03-01T10:00:00.998Z", "2022-03-01T10:00:00.999Z"),
    "a comma before fractions": ("2022-03-01T10:00:00,998Z", "2022-03-01T10:00:00.999Z"),
    "an ISO offset with a colon": ("2022-03-01T12:00:00+05:30", "2022-03-01T10:00:00Z"),
    "an ISO offset without a colon": ("2022-03-01T12:00:00+0530", "2022-03-01T10:00:00Z"),
    "an ISO offset of hours": ("2022-03-01T12:00:00+05", "2022-03-01T10:00:00Z"),
    "no zone is UTC": ("2022-03-01T12:00:00+05:30", "2022-03-01T10:00:00"),
    "a date alone is midnight": ("2022-03-01", "2022-03-01T00:00:01Z"),
    "no seconds": ("2022-03-01T10:00Z", "2022-03-01T10:00:01Z"),
    "the ends of the calendar": ("0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-05:30"),
    "equal instants: the larger string": ("2022-03-01 10:00:00:000+0000", "2022-03-01T10:00:00Z"),
}
# Of each pair, the first does not parse.
UNPARSED = {
    "a word": ("zzz", "2022-03-01"),
    "empty": ("", "2022-03-01"),
    "no such day": ("2022-02-30", "2022-02-01"),
    "no such month": ("2022-13-01 10:00:00:000+0000", "2022-02-01"),
    "no such hour": ("2022-03-01T25:00:00Z", "2022-02-01"),
    "no such offset": ("2022-03-01 10:00:00:000+9900", "2022-02-01"),
    "no such offset minutes": ("2022-03-01T10:00:00+00:60", "2022-02-01"),
    "the year 0": ("0000-01-01", "0001-01-01"),
    "something after it": ("2022-03-01 10:00:00:000+0000 ", "2022-02-01"),
    "a line end after it": ("2022-03-01\n", "2022-02-01"),
    "other digits": ("\u0662\u0660\u0662\u0662-03-01", "2022-02-01"),
    "ms since the epoch": ("1612120610123", "1600-02-01"),
    "ISO 8601 in its basic form": ("20220301", "2022-02-01"),
    "too many digits": ("12022-03-01", "2022-02-01"),
    "a NUL": ("2022-03-01\0", "2022-02-01"),
    "a lone surrogate": ("\ud800", "2022-02-01"),
}


@pytest.mark.parametrize(("earlier", "later"), LATER.values(), ids=LATER)
def test_dates_are_compared_as_instants(earlier: str, later: str) -> None:
    assert DATES.later(earlier, later) == DATES.later(later, earlier) == later
    assert DATES.earlier(earlier, later) == DATES.earlier(later, earlier) == earlier


@pytest.mark.parametrize(("unparsed", "parsed"), UNPARSED.values(), ids=UNPARSED)
def test_a_date_that_parses_beats_one_that_does_not(unparsed: str, parsed: str) -> None:
    assert DATES.later(unparsed, parsed) == DATES.later(parsed, unparsed) == parsed
    assert DATES.earlier(unparsed, parsed) == DATES.earlier(parsed, unparsed) == parsed


def test_of_two_that_do_not_parse_the_string_decides() -> None:
    assert DATES.later("x", "y") == DATES.later("y", "x") == "y"
    assert DATES.earlier("x", "y") == DATES.earlier("y", "x") == "x"


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\d.\d\d:\d\d:\d\d:\d{3}[+-]\d{4}", fullmatch=True))
def test_no_text_is_an_error(text: str) -> None:
    assert DATES.later(text, "2022-03-01") in (text, "2022-03-01")
    assert DATES.earlier(text, "2022-03-01") in (text, "2022-03-01")


DATE_TEXTS = st.from_regex(
    r"(000[01]|2022)-(0[0-3]|1[1-3])-(0[01]|2[89]|3[0-2]) "
    r"(00|2[34]):(00|59|60):(00|59|60):00[01][+-](00|2[34])(00|59|60)",
    fullmatch=True,
)


def instant(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S:%f%z")
    except ValueError:
        return None


@given(DATE_TEXTS, DATE_TEXTS)
def test_comparing_as_text_where_that_does_is_comparing_as_instants(a: str, b: str) -> None:
    one, other = instant(a), instant(b)
    if one is None or other is None or one == other:
        later = max((one is not None, a), (other is not None, b))[1]
    else:
        later = a if one > other else b

    assert DATES.later(a, b) == DATES.later(b, a) == later


@pytest.mark.parametrize(
    ("pattern", "earlier", "later"),
    [
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2022-03-01T12:00:00.000+05:30", "2022-03-01T10:00:00.000Z"),
        ("yyyyMMddHHmmssX", "20220301120000+05", "20220301100000Z"),
        ("yyyyMMddXX", "20220301+0530", "20220301Z"),
        ("yyyyMMddHHZ'h'", "2022030112+0530h", "2022030110+0000h"),
        ("d/M/yyyy", "9/10/2022", "10/10/2022"),
        ("dd.MM.yyyy H:m:s:S", "01.03.2022 9:05:00:9", "01.03.2022 9:05:00:10"),
        ("''yyyy''MM'o''clock'dd", "'2022'03o'clock01", "'2022'03o'clock02"),
    ],
)
def test_patterns_are_those_of_java(pattern: str, earlier: str, later: str) -> None:
    dates = TextDates(pattern)
    assert dates.later(earlier, later) == dates.later(later, earlier) == later
    assert dates.later(earlier, "zzz") == earlier, "it does not parse"


@pytest.mark.parametrize(
    ("pattern", "unsupported"),
    [
        ("yyyy-MM-dd hh:mm a", "'hh'"),
        ("EEE yyyy-MM-dd", "'EEE'"),
        ("yyyy MMM dd", "'MMM'"),
        ("yy-MM-dd", "'yy'"),
        ("yyyy-MM-dd yyyy", "the year twice"),
        ("HH:mm", "no day and no month and no year"),
    ],
)
def test_a_pattern_that_is_not_supported_is_refused_with_what_is_wrong(pattern: str, unsupported: str) -> None:
    with pytest.raises(ValueError, match=unsupported):
        TextDates(pattern)
