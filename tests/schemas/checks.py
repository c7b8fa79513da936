"""The golden flow, run on a keyspace and looked at."""

from __future__ import annotations

from contextlib import closing

from hamcrest import assert_that, equal_to

from faults.keyspaces import Keyspace
from faults.memory_tables import ASSESSMENTS, merge_event
from tests.schemas.golden_flow import BEFORE, EVENTS, TO_ACCOUNTS, Row, Rows, account, after, as_of
from tests.schemas.releases import Release
from tests.support.merger import Merger
from transforms.rules.rows import is_null


def check_golden_flow(release: Release, keyspace: Keyspace) -> None:
    """Merge the three learners in the order of arrival, in the opposite order and once more."""
    rows = as_of(release, BEFORE)
    keyspace.insert(rows)
    (attempt, *_) = rows[ASSESSMENTS]
    key = release.tables[ASSESSMENTS].key
    keyspace.session.execute(
        f"UPDATE {ASSESSMENTS} SET question = [{{id: 'q1', score: 5.0, params: [{{'a': 'b'}}]}}]"
        f" WHERE {' AND '.join(f'{column} = %s' for column in key)}",
        [attempt[column] for column in key],
    )
    events = [merge_event(account(release, old), account(release, new)) for old, new in EVENTS]
    to_accounts = {account(release, name) for name in TO_ACCOUNTS}
    from_accounts = {event.from_account for event in events} - {event.to_account for event in events}
    from_rows = _read(keyspace, release, from_accounts)

    with closing(Merger(keyspace)) as merger:
        for order in (events, events[::-1], events):
            for event in order:
                merger.merge_overlapping([event])
            merged = _read(keyspace, release, to_accounts)
            for table, expected in _comparable(release, as_of(release, after(release))).items():
                assert_that(merged[table], equal_to(expected), table)

    assert_that(_read(keyspace, release, from_accounts), equal_to(from_rows), "the from accounts")
    attempts = [row for row in keyspace.rows(ASSESSMENTS) if _account_of(row) in to_accounts and row["question"]]
    assert_that([question.id for row in attempts for question in row["question"]], equal_to(["q1"]))


def _account_of(row: Row) -> str:
    userid: str = row.get("userid", row.get("user_id"))
    return userid


def _comparable(release: Release, rows: Rows) -> dict[str, dict[tuple[str, ...], Row]]:
    """The rows by table and key, without nulls, times of merging and questions."""
    left_out = {"agg_last_updated", "question"}
    return {
        table: {
            tuple(row[column] for column in release.tables[table].key): {
                column: value for column, value in row.items() if column not in left_out and not is_null(value)
            }
            for row in table_rows
        }
        for table, table_rows in rows.items()
    }


def _read(keyspace: Keyspace, release: Release, accounts: set[str]) -> dict[str, dict[tuple[str, ...], Row]]:
    rows = {
        table: [row for row in keyspace.rows(table) if _account_of(row) in accounts] for table in release.tables
    }
    return _comparable(release, rows)
