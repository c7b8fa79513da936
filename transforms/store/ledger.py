"""The ledger of view counts in Cassandra (design.md, "Counting each view once")."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from transforms.rules.content_consumption import BatchWrites
from transforms.rules.rows import Row
from transforms.rules.view_counts import MAPS
from transforms.store.quorum import ledger_warnings
from transforms.store.session import Session
from transforms.store.statements import COURSES_A_READ, Read, Write, insert, parts, write

_log = logging.getLogger(__name__)

LEDGER_TABLE = "user_content_merge_facts"

_KEY = "userid", "courseid", "batchid", "originid", "fact"
_TYPES = dict.fromkeys(MAPS.values(), "frozen<map<text,int>>")


class Ledger:
    """Facts about view counts, which are only ever added."""

    def __init__(self, session: Session) -> None:
        """Prepare the statements."""
        self.table = table = session.table(LEDGER_TABLE, "merge.ledger", _KEY, _TYPES)
        for warning in ledger_warnings(session.settings, session.keyspace, table):
            _log.warning("%s", warning)
        self._requests = session.requests
        self._facts = Read(session, table, "userid IN ? AND courseid IN ?")
        self.columns = self._facts.columns
        self._of_account = Read(session, table, "userid = ?")
        self._insert = Write(session.driver, insert(table))

    async def facts(self, accounts: Sequence[str], courses: Sequence[str]) -> dict[str, list[Row]]:
        """The facts of each of some accounts about some courses.

        Asked for together, since a request costs more than the few rows that it returns.
        """
        facts: dict[str, list[Row]] = {account: [] for account in accounts}
        reads = (self._facts.bind(accounts, part) for part in parts(courses, COURSES_A_READ))
        for fact in await self._facts.decoded(reads):
            facts[fact["userid"]].append(fact)
        return facts

    async def of_account(self, account: str) -> list[Row]:
        """All facts of an account, in the order of courses and batches."""
        return await self._of_account.decoded([self._of_account.bind(account)])

    async def add(self, batches: Iterable[BatchWrites]) -> None:
        """Add the facts of course batches of one account; when it returns, all of them are acknowledged."""
        groups = ([self._insert.bind(fact) for fact in batch.facts] for batch in batches)
        await write(self._requests, groups)
