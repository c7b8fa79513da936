"""user_enrolments in Cassandra: all enrolments of an account are one partition."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from transforms.rules.enrolments import KEY
from transforms.rules.rows import Pair, RowWrite, StoredRow
from transforms.store.rows import Pairing
from transforms.store.session import Session
from transforms.store.statements import Read, Write, insert, update, write

_TYPES = {
    "active": "boolean",
    "certstatus": "int",
    "completionpercentage": "int",
    "lastreadcontentstatus": "int",
    "progress": "int",
    "status": "int",
    "completedon": "timestamp",
    "datetime": "timestamp",
    "enrolled_date": "timestamp",
    "lastcontentaccesstime": "timestamp",
    "enrolleddate": "text",
    "lastreadcontentid": "text",
    "contentstatus": "map<text,int>",
    "certificates": "list<frozen<map<text,text>>>",
    "issued_certificates": "list<frozen<map<text,text>>>",
}
"""The columns that have a rule, and their types."""


class UserEnrolments:
    """Reads and writes of user_enrolments."""

    def __init__(self, session: Session) -> None:
        """Prepare the statements."""
        self.table = table = session.table(
            session.settings.user_enrolments_table,
            "lms-cassandra.user_enrolments.table",
            ("userid", *KEY),
            _TYPES,
        )
        self._requests = session.requests
        self._of_accounts = Read(session, table, "userid IN ?")
        self._read_keys = Read(session, table, "userid = ?", columns=KEY)
        self._insert, self._update = Write(session.driver, insert(table)), Write(session.driver, update(table))
        self.columns = self._of_accounts.columns
        self._pairing = Pairing(self.columns, "userid", KEY)

    async def rows(self, from_account: str, to_account: str) -> tuple[list[StoredRow], list[StoredRow]]:
        """All rows of two accounts; asked for together, since a request costs more than the few rows of one."""
        rows = await self._of_accounts.rows([self._of_accounts.bind((from_account, to_account))])
        return self.columns.by_account(rows, "userid", from_account)

    async def enrolled_in(self, account: str) -> list[tuple[str, str]]:
        """(courseid, batchid) of all enrolments of the account, sorted."""
        return sorted(
            self._read_keys.columns.distinct(await self._read_keys.rows([self._read_keys.bind(account)]), *KEY)
        )

    def keys(self, *rows: Iterable[StoredRow]) -> list[tuple[str, str]]:
        """(courseid, batchid) of all rows, sorted."""
        return sorted(self.columns.distinct(chain.from_iterable(rows), *KEY))

    def pairs(self, from_rows: Iterable[StoredRow], to_rows: Iterable[StoredRow]) -> list[Pair]:
        """Each from row with what the to account has of the same key, for the rules."""
        return self._pairing.pairs(from_rows, to_rows)

    async def write(self, writes: Iterable[RowWrite]) -> None:
        """Write rows of one account."""
        groups = ([(self._insert if row.copied else self._update).bind_write(row)] for row in writes)
        await write(self._requests, groups)
