"""Histories for Hypothesis: tables of five accounts, and the merges among them."""

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.memory_tables import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS, Rows, merge_event
from transforms.elements import MergeEvent

ACCOUNTS = "abcde"
_BATCHES = [("c1", "b1"), ("c1", "b2"), ("c2", "b1")]
_CONTENTS = ["k1", "k2"]

settings.register_profile(
    "histories",
    max_examples=1000,
    deadline=None,
    print_blob=True,
    # A history is some rows and some merges of them, of which each column is drawn.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
HISTORIES = settings.get_profile("histories")

Columns = dict[str, st.SearchStrategy[Any]]

_SMALL = st.integers(0, 3)
_TIME = st.integers(1, 4)
_TEXT_DATE = st.sampled_from(
    [
        "2022-03-01 10:00:00:000+0530",
        "2022-03-01T04:30:00Z",  # the same instant
        "2022-03-01 10:00:00:000+0000",
        "2022-03-02",
        "2022-02-30",  # no date
        "yesterday",
    ]
)
_NUMBER = st.sampled_from([0.0, 1.0, 2.5, 10.0])


def _columns(columns: Columns) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=columns)


def _merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda dicts: {column: value for part in dicts for column, value in part.items()})


def _together(time: str, values: Columns) -> st.SearchStrategy[dict[str, Any]]:
    """Columns that are taken together, all or none of them, and a time only where they are.

    Else order matters, since no rule can let null lose as well: a later side that has nothing but its time leaves
    that with the values of the other, and a third side, of a time between both, loses if it comes last.
    """
    return st.just({}) | st.fixed_dictionaries(values) | st.fixed_dictionaries(values | {time: _TIME})


def content_row(count: st.SearchStrategy[int] = _SMALL) -> st.SearchStrategy[dict[str, Any]]:
    """The columns of a row of user_content_consumption, but for the key and columns without a rule."""
    return _merged(
        _columns(
            {
                "status": _SMALL,
                "progress": _SMALL,
                "completionpercentage": _NUMBER,
                "viewcount": count,
                "completedcount": count,
                "datetime": _TIME,
                "last_completed_time": _TIME,
                "last_updated_time": _TIME,
                "lastaccesstime": _TEXT_DATE,
                "lastcompletedtime": _TEXT_DATE,
                "lastupdatedtime": _TEXT_DATE,
            }
        ),
        _together("last_access_time", {"progressdetails": st.sampled_from(["{}", '{"mimetype":"video"}'])}),
    )


# Of one identifier there is one certificate in a list: a list with two would keep both when it is copied, and one
# when it is joined, whichever merge that is.
_CERTIFICATE = st.sampled_from(
    [
        {"identifier": "x", "lastIssuedOn": "2022-01-01"},
        {"identifier": "x", "lastIssuedOn": "2022-01-02"},
        {"identifier": "x", "token": "t"},
        {"identifier": "y"},
        {"name": "without identifier"},
        {"name": "another"},
    ]
)
_CERTIFICATES = st.lists(_CERTIFICATE, max_size=3, unique_by=lambda c: c.get("identifier") or c["name"])


def enrolment_row() -> st.SearchStrategy[dict[str, Any]]:
    """The columns of a row of user_enrolments, but for the key, addedby (the primary's) and unknown columns."""
    return _merged(
        _columns(
            {
                "active": st.booleans(),
                "status": _SMALL,
                "progress": _SMALL,
                "completionpercentage": _SMALL,
                "certstatus": _SMALL,
                "contentstatus": st.dictionaries(st.sampled_from(_CONTENTS), _SMALL),
                "completedon": _TIME,
                "enrolled_date": _TIME,
                "enrolleddate": _TEXT_DATE,
                "datetime": _TIME,
                "certificates": _CERTIFICATES,
                "issued_certificates": _CERTIFICATES,
            }
        ),
        _together(
            "lastcontentaccesstime",
            {"lastreadcontentid": st.sampled_from(_CONTENTS), "lastreadcontentstatus": _SMALL},
        ),
    )


def _attempt(attempt_id: str, **fields: Any) -> str:
    return json.dumps({"attempt_id": attempt_id, **fields})


# An attempt is always on the same content: else the number of attempts on the one it is not on any more depends on
# when it was counted. And there is one of each in a list, as of certificates.
_DETAILS = st.lists(
    st.sampled_from(
        [
            _attempt("1", content_id="k1", last_attempted_on=5, score=1.0),
            _attempt("1", content_id="k1", last_attempted_on=6, score=0.5),
            _attempt("2", content_id="k1", score=2),
            _attempt("2", content_id="k1", score="2"),
            _attempt("3", content_id="k2"),
            "no JSON",
            '{"no": "attempt_id"}',
        ]
    ),
    max_size=4,
    unique_by=lambda detail: detail[:18],
)


def _numbers(value: st.SearchStrategy[float]) -> st.SearchStrategy[dict[str, Any]]:
    """The entries of aggregates or agg; a score always has its max_score, for the reason in _together."""
    best = st.sampled_from([(None, None), (None, 5), (1, 10), (1, 5), (2, 5), (2, 20)])

    def entries(drawn: tuple[dict[str, Any], tuple[Any, Any]]) -> dict[str, Any]:
        numbers, (score, max_score) = drawn
        kind = float if isinstance(numbers["completedCount"], float) else int
        scores = {"score:k1": score, "max_score:k1": max_score}
        return numbers | {key: kind(number) for key, number in scores.items() if number is not None}

    optional = {"attempts_count:k1": value, "attempts_count:k2": value, "other": value}
    return st.tuples(st.fixed_dictionaries({"completedCount": value}, optional=optional), best).map(entries)


def aggregates_row() -> st.SearchStrategy[dict[str, Any]]:
    """The columns of a row of user_activity_agg, but for the key; without legacy rows, which are copied whole."""
    return st.fixed_dictionaries(
        {"aggregates": _numbers(_NUMBER)},
        optional={
            "agg": _numbers(_SMALL),
            "agg_details": _DETAILS,
            "agg_last_updated": st.dictionaries(st.sampled_from(["completedCount", "score:k1"]), _TIME),
        },
    ).map(_count_attempts)


def _count_attempts(row: dict[str, Any]) -> dict[str, Any]:
    # Attempts are counted when a row is merged. An account that counts less than its own is put right by a merge
    # with another row, if that row is there yet.
    for column in {"aggregates", "agg"} & row.keys():
        for key in [key for key in row[column] if key.startswith("attempts_count:")]:
            content = f'"content_id": "{key.removeprefix("attempts_count:")}"'
            attempts = sum(content in detail for detail in row.get("agg_details", ()))
            row[column][key] = max(row[column][key], type(row[column][key])(attempts))
    return row


_UNRULED: Columns = {"a_new_column": _SMALL, "a_new_map": st.dictionaries(st.sampled_from(_CONTENTS), _SMALL)}

_EXCEPTED = {
    CONTENT_CONSUMPTION: _columns(
        _UNRULED
        | {
            "last_access_time": _TIME,
            "progressdetails": st.just("{}"),
            "completionpercentage": st.just(float("nan")),
        }
    ),
    ENROLMENTS: _columns(
        _UNRULED
        | {
            "addedby": st.sampled_from(ACCOUNTS),
            "lastcontentaccesstime": _TIME,
            "lastreadcontentid": st.sampled_from(_CONTENTS),
            "lastreadcontentstatus": _SMALL,
            "certificates": st.lists(_CERTIFICATE, max_size=4),
        }
    ),
    ACTIVITY_AGG: _columns(
        _UNRULED
        | {
            "aggregates": st.dictionaries(
                st.sampled_from(["score:k1", "max_score:k1", "attempts_count:k1"]), st.just(float("nan")) | _NUMBER
            ),
            "agg_details": st.lists(
                st.sampled_from([_attempt("1", content_id=[]), "[" * 2000, "NaN"]), max_size=4
            ),
        }
    ),
}
"""What the rules take as well, but in a way that depends on order: design.md excepts what is copied whole, legacy
rows, addedby and unknown columns; the generators above say why the rest."""


def _rows(
    table: str, row: st.SearchStrategy[dict[str, Any]], keys: list[dict[str, Any]], *, excepted: bool
) -> st.SearchStrategy[list[dict[str, Any]]]:
    row = _merged(row, _EXCEPTED[table]) if excepted else row
    return st.lists(st.tuples(st.sampled_from(keys), row), max_size=6, unique_by=lambda drawn: str(drawn[0])).map(
        lambda rows: [key | columns for key, columns in rows]
    )


@st.composite
def tables(draw: st.DrawFn, *, excepted: bool = False, count: st.SearchStrategy[int] = _SMALL) -> Rows:
    """Rows of the three tables.

    Args:
        draw: draws.
        excepted: whether there are also rows with which order matters.
        count: viewcounts and completedcounts.
    """
    enrolment_keys = [
        {"userid": account, "courseid": course, "batchid": batch}
        for account in ACCOUNTS
        for course, batch in _BATCHES
    ]
    content_keys = [key | {"contentid": content} for key in enrolment_keys for content in _CONTENTS]
    aggregate_keys = [
        {"activity_type": "Course", "activity_id": course, "user_id": account, "context_id": f"cb:{batch}"}
        for account in ACCOUNTS
        for course, batch in _BATCHES
    ]
    content = draw(_rows(CONTENT_CONSUMPTION, content_row(count), content_keys, excepted=excepted))
    enrolments = draw(_rows(ENROLMENTS, enrolment_row(), enrolment_keys, excepted=excepted))
    aggregates = draw(_rows(ACTIVITY_AGG, aggregates_row(), aggregate_keys, excepted=excepted))
    # Aggregates of a course that the account is not enrolled in are not merged, but they are once an enrolment
    # has come from elsewhere; in a cycle, no follow-up tells of that.
    enrolled = {(row["userid"], row["courseid"]) for row in enrolments}
    for row in aggregates:
        account, course = row["user_id"], row["activity_id"]
        if (account, course) not in enrolled:
            enrolled.add((account, course))
            enrolments.append({"userid": account, "courseid": course, "batchid": row["context_id"][3:]})
    return {CONTENT_CONSUMPTION: content, ENROLMENTS: enrolments, ACTIVITY_AGG: aggregates}


def events(max_size: int = 6) -> st.SearchStrategy[list[MergeEvent]]:
    """Merges among the accounts: chains, cycles and repeats."""
    pairs = [(a, b) for a in ACCOUNTS for b in ACCOUNTS if a != b]
    return st.lists(st.sampled_from(pairs).map(lambda pair: merge_event(*pair)), min_size=1, max_size=max_size)
