"""The merge log in Cassandra: which account was merged into which (design.md, "Order does not matter")."""

from __future__ import annotations

from transforms.rules.rows import Row
from transforms.store.session import Session
from transforms.store.statements import Read, Write, insert, write
from transforms.store.values import now_ms

MERGE_LOG_TABLE = "user_merge_log"


class MergeLog:
    """Reads and writes of the merge log."""

    def __init__(self, session: Session) -> None:
        """Prepare the statements."""
        self.table = table = session.table(MERGE_LOG_TABLE, "merge.ledger", ("userid", "intoid"), {"mid": "text"})
        self._requests = session.requests
        self._of_account = Read(session, table, "userid = ?")
        self.columns = self._of_account.columns
        self._of_pair = Read(session, table, "userid = ? AND intoid = ?", columns=["mid"])
        self._insert = Write(session.driver, insert(table))

    async def rows(self, account: str) -> list[Row]:
        """The accounts into which the account was merged: rows of userid, intoid, mid, merged_on."""
        return await self._of_account.decoded([self._of_account.bind(account)])

    async def has(self, from_account: str, into_account: str) -> bool:
        """Whether the log has this pair."""
        return bool(await self._of_pair.rows([self._of_pair.bind(from_account, into_account)]))

    async def write(self, from_account: str, into_account: str, mid: str) -> None:
        """Write that one account is merged into another, by an event of this message id."""
        row = {"userid": from_account, "intoid": into_account, "mid": mid, "merged_on": now_ms()}
        await write(self._requests, [[self._insert.bind(row)]])
