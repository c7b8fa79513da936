"""The floor: the reads and writes of a merge by cassandra-driver alone, with nothing else to do between them.

It is what a good program makes of the driver's documented interface: prepared statements, rows of one partition
in one unlogged BatchStatement, both accounts in one SELECT where a table's partitions are accounts, execute_async
with callbacks, and 16 events in flight. All that is written was planned before, by the job's own rules. What
remains of an event is the requests, the decoding of all rows read, and the binding of all values written.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from cassandra.cluster import Session

from benchmarks.account_rows import ACTIVITY_AGG, ASSESSMENTS, CONTENT_CONSUMPTION, ENROLMENTS
from benchmarks.contenders import Contender
from benchmarks.driver import TIMESTAMP, Statements, batch
from benchmarks.plan import PlannedMerge
from transforms.rules.content_consumption import COUNTERS
from transforms.rules.rows import RowWrite
from transforms.store.ledger import LEDGER_TABLE
from transforms.store.merge_log import MERGE_LOG_TABLE

_EVENTS_IN_FLIGHT = 16
_PARTITIONS_A_BATCH = 10
"""Above that Cassandra warns; such a batch is a mutation for each of its partitions."""

Steps = Generator[list[Any], list[Any], None]
"""A merge as rounds of statements, each round executed side by side; what comes back are the rows of each."""


class Floor(Contender[PlannedMerge]):
    """Merges as rounds of statements, several events at a time, all on the thread of the driver's event loop.

    Threads of our own would only wait for each other: the driver decodes on its event loop anyway.
    """

    def __init__(self, session: Session) -> None:
        """Prepare all statements; on the event loop, where merges run, nobody can wait for an answer."""
        super().__init__(session)
        statements = Statements(session)
        # One request for the same partition of both accounts costs less than one for each, here and in Cassandra.
        self._select_both = [
            statements.select(CONTENT_CONSUMPTION, "userid IN ?", written=COUNTERS),
            statements.select(ENROLMENTS, "userid IN ?"),
        ]
        self._select_facts = statements.select(LEDGER_TABLE, "userid IN ?")
        self._select_aggregates = statements.select(
            ACTIVITY_AGG, "activity_type = 'Course' AND activity_id IN ? AND user_id IN ?"
        )
        self._select_attempts = statements.select(ASSESSMENTS, "course_id = ? AND batch_id = ? AND user_id IN ?")
        self._select_log = statements.select(MERGE_LOG_TABLE, "userid = ?")
        self._insert_log = statements.insert(MERGE_LOG_TABLE)
        self._insert_content = statements.insert(CONTENT_CONSUMPTION, with_timestamp=True)
        self._insert_fact = statements.insert(LEDGER_TABLE)
        self._insert_enrolment = statements.insert(ENROLMENTS)
        self._update_enrolment = statements.update(ENROLMENTS)
        self._update_aggregate = statements.update(ACTIVITY_AGG)
        self._insert_attempt = statements.insert(ASSESSMENTS)

    def prepare(self, planned: PlannedMerge) -> PlannedMerge:
        """Nothing: values are bound while it counts."""
        return planned

    def merge(self, events: Sequence[PlannedMerge]) -> None:
        """Merge the events."""
        _Runner(self.session, [self._steps(event) for event in events]).run()

    def _steps(self, planned: PlannedMerge) -> Steps:
        """One event: the merge log, all reads, all writes, and the to account's merge log.

        The ledger is read after the rows, and written before them.
        """
        from_account, to_account = accounts = [planned.pair.from_account, planned.pair.to_account]
        now_ms = planned.content[0].facts[0]["recorded_on"]
        log = {"userid": from_account, "intoid": to_account, "mid": planned.pair.mid, "merged_on": now_ms}
        yield [self._insert_log.bind(log)]
        yield [
            *(select.bind((accounts,)) for select in self._select_both),
            self._select_aggregates.bind(([course for course, _ in planned.batches], accounts)),
            *(self._select_attempts.bind((*batch, accounts)) for batch in planned.batches),
        ]
        yield [self._select_facts.bind((accounts,))]
        yield [batch((self._insert_fact, fact) for b in planned.content for fact in b.facts)]
        yield list(self._writes(planned, now_ms * 1_000))
        yield [self._select_log.bind((to_account,))]

    def _writes(self, planned: PlannedMerge, timestamp_us: int) -> Iterator[Any]:
        timestamp = {TIMESTAMP: timestamp_us}
        yield batch(
            (self._insert_content, write.columns() | timestamp) for b in planned.content for write in b.rows
        )
        yield batch(
            (self._insert_enrolment if write.copied else self._update_enrolment, write.columns())
            for write in planned.enrolments
        )
        for start in range(0, len(planned.aggregates), _PARTITIONS_A_BATCH):
            some = planned.aggregates[start : start + _PARTITIONS_A_BATCH]
            yield batch((self._update_aggregate, write.values) for write in some)
        for _, attempts in groupby(map(RowWrite.columns, planned.attempts), key=itemgetter("course_id")):
            yield batch((self._insert_attempt, row) for row in attempts)


class _Runner:
    """Runs merges to their ends."""

    def __init__(self, session: Session, merges: Sequence[Steps]) -> None:
        self._session = session
        self._waiting = iter(merges)
        self._left = len(merges)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._error: Exception | None = None

    def run(self) -> None:
        for _ in range(min(_EVENTS_IN_FLIGHT, self._left)):
            self._start_next()
        self._ended.wait()
        if self._error:
            raise self._error

    def _start_next(self) -> None:
        with self._lock:
            merge = next(self._waiting, None)
        if merge is not None:
            self._advance(merge, None)

    def _advance(self, merge: Steps, rows: list[Any] | None) -> None:
        try:
            statements = merge.send(rows) if rows is not None else next(merge)
        except StopIteration:
            self._done()
            return
        except Exception as e:
            self._failed(e)
            return
        results: list[Any] = [None] * len(statements)
        missing = len(statements)

        def arrived(result: Any, index: int) -> None:
            nonlocal missing
            with self._lock:
                results[index] = result
                missing -= 1
                is_last = missing == 0
            if is_last:
                self._advance(merge, results)

        for index, statement in enumerate(statements):
            self._session.execute_async(statement).add_callbacks(arrived, self._failed, callback_args=(index,))

    def _done(self) -> None:
        with self._lock:
            self._left -= 1
            is_last = self._left == 0
        if is_last:
            self._ended.set()
        else:
            self._start_next()

    def _failed(self, error: Exception) -> None:
        self._error = error
        self._ended.set()
