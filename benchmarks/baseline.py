"""The baseline: what the Scala job asks of Cassandra, in its way: one simple statement after another, one a row.

For an event it reads both accounts' content rows, inserts each row whole, reads both accounts' enrolments and
inserts each that is new, reads each course's aggregates of both and inserts them, and reads the enrolments for the
sync requests: some 120 statements. The texts are made before, so that Python costs as little as it can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cassandra.cluster import Session
from cassandra.encoder import Encoder

from benchmarks.account_rows import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS, Rows
from benchmarks.contenders import Contender
from benchmarks.plan import PlannedMerge
from local.schema import KEYSPACE
from transforms.rules.rows import Row

_KEYS = {
    CONTENT_CONSUMPTION: ("courseid", "batchid", "contentid"),
    ENROLMENTS: ("courseid", "batchid"),
    ACTIVITY_AGG: ("activity_id", "context_id"),
}


class Baseline(Contender[list[str]]):
    """One event after another, one statement after another."""

    def __init__(self, session: Session) -> None:
        """Look up the columns: rows are written whole, nulls included."""
        super().__init__(session)
        self._encoder = Encoder()
        tables = session.cluster.metadata.keyspaces[KEYSPACE].tables
        self._columns = {table: list(tables[table].columns) for table in _KEYS}

    def prepare(self, planned: PlannedMerge) -> list[str]:
        """The texts of all statements."""
        return list(self._statements(planned))

    def merge(self, events: Sequence[list[str]]) -> None:
        """Execute them all, each after the one before."""
        for statements in events:
            for statement in statements:
                self.session.execute(statement)

    def _statements(self, planned: PlannedMerge) -> Iterator[str]:
        pair = planned.pair
        accounts = pair.from_account, pair.to_account
        to_rows = _by_key(pair.to_rows)
        yield from (self._select(CONTENT_CONSUMPTION, userid=account) for account in accounts)
        for batch in planned.content:
            for write in batch.rows:
                yield self._insert(CONTENT_CONSUMPTION, _whole(CONTENT_CONSUMPTION, to_rows, write.columns()))
        yield from (self._select(ENROLMENTS, userid=account) for account in accounts)
        yield from (self._insert(ENROLMENTS, write.columns()) for write in planned.enrolments if write.copied)
        for write in planned.aggregates:
            course = write.values["activity_id"]
            for account in accounts:
                yield self._select(ACTIVITY_AGG, activity_type="Course", activity_id=course, user_id=account)
            yield self._insert(ACTIVITY_AGG, _whole(ACTIVITY_AGG, to_rows, write.columns()))
        yield self._select(ENROLMENTS, userid=pair.to_account)

    def _select(self, table: str, **key: str) -> str:
        where = " AND ".join(f"{column} = {self._encoder.cql_encode_all_types(v)}" for column, v in key.items())
        return f"SELECT * FROM {KEYSPACE}.{table} WHERE {where}"

    def _insert(self, table: str, row: Row) -> str:
        columns = self._columns[table]
        values = ", ".join(self._encoder.cql_encode_all_types(row.get(column)) for column in columns)
        return f"INSERT INTO {KEYSPACE}.{table} ({', '.join(columns)}) VALUES ({values})"


def _by_key(rows: Rows) -> dict[tuple[str, ...], Row]:
    return {_key(table, row): row for table in _KEYS for row in rows[table]}


def _whole(table: str, rows: dict[tuple[str, ...], Row], changes: Row) -> Row:
    """The row as it is after the changes."""
    before = rows.get(_key(table, changes), {})
    maps = {c: {**before.get(c, {}), **v} for c, v in changes.items() if isinstance(v, dict)}
    return before | changes | maps


def _key(table: str, row: Row) -> tuple[str, ...]:
    return (table, *(row[column] for column in _KEYS[table]))
