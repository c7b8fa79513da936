"""What a merge reads and writes, worked out beforehand: the floor and the baseline write it and merge nothing."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.account_rows import ACTIVITY_AGG, ASSESSMENTS, CONTENT_CONSUMPTION, ENROLMENTS
from benchmarks.workload import Pair, Workload
from transforms.rules.activity_aggregates import merge_user_activity_aggregates
from transforms.rules.assessments import assessment_rules, merge_assessments
from transforms.rules.content_consumption import BatchWrites, content_rules, merge_content_consumption
from transforms.rules.dates import TextDates
from transforms.rules.enrolments import enrolment_rules, merge_user_enrolments
from transforms.rules.rows import RowWrite

DATE_FORMAT = "yyyy-MM-dd HH:mm:ss:SSSZ"

_DATES = TextDates(DATE_FORMAT)
_ASSESSMENTS = assessment_rules("course_id", "batch_id")


@dataclass(frozen=True, slots=True)
class PlannedMerge:
    """The statements of one event, without their words.

    Attributes:
        pair: the accounts.
        batches: (courseid, batchid) of the from account's, whose aggregates and attempts are read for both.
        content: rows of user_content_consumption and their facts, by course batch.
        enrolments: rows of user_enrolments.
        aggregates: rows of user_activity_agg.
        attempts: rows of assessment_aggregator, each batch's one after the other.
        rows_read: how many rows the reads return.
        rows_written: how many rows the writes have, facts among them.
    """

    pair: Pair
    batches: list[tuple[str, str]]
    content: list[BatchWrites]
    enrolments: list[RowWrite]
    aggregates: list[RowWrite]
    attempts: list[RowWrite]
    rows_read: int
    rows_written: int


def plan(pair: Pair, now_ms: int) -> PlannedMerge:
    """Apply the job's own rules to a pair that was never merged.

    Args:
        pair: the accounts.
        now_ms: the time of the merge, in ms since the epoch.
    """
    from_rows, to_rows = pair.from_rows, pair.to_rows
    batches = sorted((row["courseid"], row["batchid"]) for row in from_rows[ENROLMENTS])
    courses = {course for course, _ in batches}
    to_aggregates = [row for row in to_rows[ACTIVITY_AGG] if row["activity_id"] in courses]
    to_attempts = [row for row in to_rows[ASSESSMENTS] if row["course_id"] in courses]
    content = merge_content_consumption(
        pair.from_account,
        pair.to_account,
        content_rules(_DATES).pairs(from_rows[CONTENT_CONSUMPTION], to_rows[CONTENT_CONSUMPTION]),
        (),
        (),
        rules=content_rules(_DATES),
        mid=pair.mid,
        now=now_ms,
        ledger=True,
    )
    enrolment_pairs = enrolment_rules(_DATES).pairs(from_rows[ENROLMENTS], to_rows[ENROLMENTS])
    enrolments = merge_user_enrolments(pair.to_account, enrolment_pairs, dates=_DATES)
    from_aggregates = from_rows[ACTIVITY_AGG]
    aggregates = merge_user_activity_aggregates(pair.to_account, from_aggregates, to_aggregates, now=now_ms)
    attempt_pairs = _ASSESSMENTS.pairs(from_rows[ASSESSMENTS], to_attempts)
    attempts = merge_assessments(pair.to_account, attempt_pairs, _ASSESSMENTS)
    read = [rows[table] for rows in (from_rows, to_rows) for table in (CONTENT_CONSUMPTION, ENROLMENTS)]
    return PlannedMerge(
        pair,
        batches,
        content,
        enrolments,
        aggregates,
        attempts,
        rows_read=sum(map(len, [*read, from_aggregates, to_aggregates, from_rows[ASSESSMENTS], to_attempts])),
        rows_written=sum(len(b.rows) + len(b.facts) for b in content)
        + sum(map(len, (enrolments, aggregates, attempts))),
    )


def rows_per_event(workload: Workload) -> int:
    """Rows read and written for an event; a few more or less where values happen to be equal."""
    planned = plan(workload.pair("any", 0), 0)
    return planned.rows_read + planned.rows_written
