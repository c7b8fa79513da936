"""user_activity_agg in Cassandra: each course of an account is a partition of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from transforms.rules.rows import Row, RowWrite
from transforms.store.session import Session
from transforms.store.statements import COURSES_A_READ, Read, Write, as_request, parts, share_requests, update

_KEY = "activity_type", "activity_id", "user_id", "context_id"
_TYPES = {
    "agg": "map<text,int>",
    "agg_details": "list<text>",
    "agg_last_updated": "map<text,timestamp>",
    "aggregates": "map<text,double>",
}
"""The columns that have a rule, and their types."""


class ActivityAggregates:
    """Reads and writes of user_activity_agg."""

    def __init__(self, session: Session) -> None:
        """Prepare the statements."""
        self.table = table = session.table(
            session.settings.user_activity_agg_table,
            "lms-cassandra.user_activity_agg.table",
            _KEY,
            _TYPES,
            partition=("activity_type", "activity_id", "user_id"),
        )
        self._requests = session.requests
        self._of_courses = Read(session, table, "activity_type = 'Course' AND activity_id IN ? AND user_id IN ?")
        self.columns = self._of_courses.columns
        # UPDATE even for a copied row: inserting a map would first delete what another writer puts there.
        self._update = Write(session.driver, update(table))

    async def rows(
        self, from_account: str, to_account: str, courses: Sequence[str]
    ) -> tuple[list[Row], list[Row]]:
        """The aggregates of some courses of two accounts."""
        accounts = from_account, to_account
        reads = (self._of_courses.bind(part, accounts) for part in parts(courses, COURSES_A_READ))
        rows: dict[str, list[Row]] = {account: [] for account in accounts}
        for row in await self._of_courses.decoded(reads):
            rows[row["user_id"]].append(row)
        return rows[from_account], rows[to_account]

    async def write(self, writes: Iterable[RowWrite]) -> None:
        """Write rows of one account, one mutation for each course, and several small ones in one request.

        Rows of one course must come one after the other.
        """
        by_course = groupby(writes, key=lambda write: write.values["activity_id"])
        partitions = ([self._update.bind(write.values) for write in rows] for _, rows in by_course)
        await self._requests.all_rows(map(as_request, share_requests(partitions)))
