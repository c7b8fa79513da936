"""What a merge reads and writes, worked out beforehand: the floor and the baseline write it and merge nothing."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.workload import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS, Pair, Workload
from transforms.rules.activity_aggregates import merge_user_activity_aggregates
from transforms.rules.content_consumption import COUNTERS, BatchWrites, content_rules, merge_content_consumption
from transforms.rules.dates import TextDates
from transforms.rules.enrolments import enrolment_rules, merge_user_enrolments
from transforms.rules.rows import RowWrite

DATE_FORMAT = "yyyy-MM-dd HH:mm:ss:SSSZ"

_DATES = TextDates(DATE_FORMAT)


@dataclass(frozen=True, slots=True)
class PlannedMerge:
    """The statements of one event, without their words.

    Attributes:
        pair: the accounts.
        courses: those of the from account, whose aggregates are read for both.
        content: rows of user_content_consumption and their ledger rows, by course batch.
        enrolments: rows of user_enrolments.
        aggregates: rows of user_activity_agg.
        rows_read: how many rows the reads return.
        rows_written: how many rows the writes have, ledger rows among them.
    """

    pair: Pair
    courses: list[str]
    content: list[BatchWrites]
    enrolments: list[RowWrite]
    aggregates: list[RowWrite]
    rows_read: int
    rows_written: int


def plan(pair: Pair, now_ms: int) -> PlannedMerge:
    """Apply the job's own rules to a pair that was never merged.

    Args:
        pair: the accounts.
        now_ms: the time of the merge, in ms since the epoch.
    """
    theirs, own = pair.from_rows, pair.to_rows
    courses = sorted({row["courseid"] for row in theirs[ENROLMENTS]})
    own_aggregates = [row for row in own[ACTIVITY_AGG] if row["activity_id"] in courses]
    content = merge_content_consumption(
        pair.from_account,
        pair.to_account,
        content_rules(_DATES).pairs(theirs[CONTENT_CONSUMPTION], own[CONTENT_CONSUMPTION], COUNTERS),
        (),
        (),
        dates=_DATES,
        now=now_ms,
        ledger=True,
    )
    enrolment_pairs = enrolment_rules(_DATES).pairs(theirs[ENROLMENTS], own[ENROLMENTS])
    enrolments = merge_user_enrolments(pair.to_account, enrolment_pairs, dates=_DATES)
    aggregates = merge_user_activity_aggregates(pair.to_account, theirs[ACTIVITY_AGG], own_aggregates, now=now_ms)
    read = [theirs[CONTENT_CONSUMPTION], own[CONTENT_CONSUMPTION], theirs[ENROLMENTS], own[ENROLMENTS]]
    return PlannedMerge(
        pair,
        courses,
        content,
        enrolments,
        aggregates,
        rows_read=sum(map(len, [*read, theirs[ACTIVITY_AGG], own_aggregates])),
        rows_written=sum(len(b.rows) + len(b.ledger) for b in content) + len(enrolments) + len(aggregates),
    )


def rows_per_event(workload: Workload) -> int:
    """Rows read and written for an event; a few more or less where values happen to be equal."""
    planned = plan(workload.pair("any", 0), 0)
    return planned.rows_read + planned.rows_written
