"""user_content_consumption in Cassandra: all contents of an account are one partition."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import groupby

from transforms.rules.content_consumption import COUNTERS, KEY, KEY_OF_NEWER_RELEASES, BatchWrites
from transforms.rules.rows import Pair, StoredRow
from transforms.store.rows import Pairing
from transforms.store.session import Session
from transforms.store.statements import COURSES_A_READ, Read, Write, insert, parts, write

_ROWS_A_PART = 1_000
"""Of a large account no more than this is in memory at once, but for whole courses and a page of the driver's."""

_TYPES = {
    "completedcount": "int",
    "progress": "int",
    "status": "int",
    "viewcount": "int",
    "completionpercentage": "float",
    "progressdetails": "text",
    "datetime": "timestamp",
    "last_access_time": "timestamp",
    "last_completed_time": "timestamp",
    "last_updated_time": "timestamp",
    "lastaccesstime": "text",
    "lastcompletedtime": "text",
    "lastupdatedtime": "text",
}
"""The columns that have a rule, and their types."""


class ContentConsumption:
    """Reads and writes of user_content_consumption.

    Attributes:
        key: what the table calls course, batch and content.
    """

    def __init__(self, session: Session) -> None:
        """Prepare the statements."""
        name = session.settings.content_consumption_table
        found = session.find(name)
        self.key = KEY_OF_NEWER_RELEASES if found and KEY_OF_NEWER_RELEASES[0] in found.columns else KEY
        variable = "lms-cassandra.content_consumption.table"
        self.table = table = session.table(name, variable, ("userid", *self.key), _TYPES)
        self._requests = session.requests
        self._of_account = Read(session, table, "userid = ?")
        written = [counter for counter in COUNTERS if counter in table.columns]
        self._of_courses = Read(session, table, f"userid = ? AND {self.key[0]} IN ?", written=written)
        self._insert = Write(session.driver, insert(table, using="TIMESTAMP"))
        self.columns = self._of_account.columns
        self._pairing = Pairing(self.columns, "userid", self.key, COUNTERS)

    async def parts(self, account: str) -> AsyncIterator[list[StoredRow]]:
        """All rows of the account, in parts of whole courses.

        The partition is read page by page: a part may be worked on, and what follows from it written, before the
        next is read.
        """
        course_of = self.columns.take(self.key[0])
        part: list[StoredRow] = []
        async for page in self._of_account.pages(self._of_account.bind(account)):
            for _, course in groupby(page, key=course_of):
                rows = list(course)
                # A course may go on from the page before.
                if len(part) >= _ROWS_A_PART and course_of(part[-1]) != course_of(rows[0]):
                    yield part
                    part = []
                part += rows
        if part:
            yield part

    async def of_courses(self, account: str, courses: Sequence[str]) -> list[StoredRow]:
        """The account's rows of some courses; after the columns they have the write times of the counters."""
        return await self._of_courses.rows(
            self._of_courses.bind(account, part) for part in parts(courses, COURSES_A_READ)
        )

    def courses(self, rows: Iterable[StoredRow]) -> list[str]:
        """The courses that rows are of, sorted."""
        return sorted(course for (course,) in self.columns.distinct(rows, self.key[0]))

    def pairs(self, from_rows: Iterable[StoredRow], to_rows: Iterable[StoredRow]) -> list[Pair]:
        """Each from row with what the to account has of the same key, for the rules."""
        return self._pairing.pairs(from_rows, to_rows)

    async def write(self, batches: Iterable[BatchWrites]) -> None:
        """Write the rows of course batches of one account; the facts about them must have been added before."""
        # The clock is read as late as can be: what another writer has written until now is replaced.
        now_us, bind = time.time_ns() // 1_000, self._insert.bind_write
        groups = ([bind(row, row.timestamp_us(now_us)) for row in batch.rows] for batch in batches)
        await write(self._requests, groups)
