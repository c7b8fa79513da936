"""The history of merges in Cassandra: what became of each event, by the account that it merged into."""

from __future__ import annotations

from collections.abc import Iterable

from transforms.rules.rows import Row
from transforms.store.session import Session
from transforms.store.statements import Read, Write, as_request, delete, insert, share_requests

HISTORY_TABLE = "user_merge_history"

_KEY = "userid", "ended_on", "mid", "fromid"
_TYPES = {
    "ended_on": "timestamp",
    "outcome": "text",
    "cause": "text",
    "path": "frozen<list<text>>",
    "source": "text",
    "started_on": "timestamp",
    "rows_read": "frozen<map<text,int>>",
    "rows_written": "frozen<map<text,int>>",
    "requests": "int",
    "followups": "int",
    "version": "text",
}
_SECONDS_OF_A_DAY = 86_400


class MergeHistory:
    """Reads and writes of the history; no merge reads it."""

    def __init__(self, session: Session) -> None:
        """Prepare the statements."""
        self.table = table = session.table(HISTORY_TABLE, "history.ttl.days", _KEY, _TYPES)
        self._requests = session.requests
        self._of_account = Read(session, table, "userid = ?")
        self.columns = self._of_account.columns
        self._insert = Write(session.driver, insert(table, using="TTL"))
        self._delete = Write(session.driver, delete(table))

    async def into(self, account: str) -> list[Row]:
        """What was merged into the account, newest first: rows with all columns."""
        return await self._of_account.decoded([self._of_account.bind(account)])

    async def delete(self, rows: Iterable[Row]) -> None:
        """Delete rows, of which the key is enough."""
        partitions = ([self._delete.bind({column: row[column] for column in _KEY})] for row in rows)
        await self._requests.all_rows(map(as_request, share_requests(partitions)))

    async def add(self, rows: Iterable[Row], ttl_days: int) -> None:
        """Add rows, which are forgotten after so many days; those of several accounts share a request."""
        ttl = {"[ttl]": ttl_days * _SECONDS_OF_A_DAY}
        partitions = ([self._insert.bind(row | ttl)] for row in rows)
        await self._requests.all_rows(map(as_request, share_requests(partitions)))
