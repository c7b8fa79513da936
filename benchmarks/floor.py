"""The floor: the reads and writes of a merge by cassandra-driver alone, with nothing else to do between them.

Everything that is written was planned before. What remains of an event is what no merge on this driver can do
without: the requests, the decoding of all rows that are read, and the binding of all values that are written.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from cassandra.cluster import Session

from benchmarks.contenders import Contender
from benchmarks.driver import Statements
from benchmarks.plan import PlannedMerge
from benchmarks.workload import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS
from transforms.course_tables import LEDGER_TABLE, MERGE_LOG_TABLE
from transforms.statements import as_request, together

_EVENTS_IN_FLIGHT = 16

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
            statements.select(table, "userid IN ?") for table in (CONTENT_CONSUMPTION, LEDGER_TABLE, ENROLMENTS)
        ]
        self._select_aggregates = statements.select(
            ACTIVITY_AGG, "activity_type = 'Course' AND activity_id IN ? AND user_id IN ?"
        )
        self._select_log = statements.select(MERGE_LOG_TABLE, "userid = ?")
        self._insert_log = statements.insert(MERGE_LOG_TABLE)
        self._insert_content = statements.insert(CONTENT_CONSUMPTION)
        self._insert_ledger = statements.insert(LEDGER_TABLE)
        self._insert_enrolment = statements.insert(ENROLMENTS)
        self._update_enrolment = statements.update(ENROLMENTS)
        self._update_aggregate = statements.update(ACTIVITY_AGG)

    def prepare(self, planned: PlannedMerge) -> PlannedMerge:
        """Nothing: values are bound while it counts."""
        return planned

    def merge(self, events: Sequence[PlannedMerge]) -> None:
        """Merge the events."""
        _Runner(self.session, [self._steps(event) for event in events]).run()

    def _steps(self, planned: PlannedMerge) -> Steps:
        """One event: the merge log, all reads, all writes, and the to account's merge log."""
        from_account, to_account = accounts = [planned.pair.from_account, planned.pair.to_account]
        now_ms = planned.content[0].ledger[0]["updated_on"]
        log = {"userid": from_account, "intoid": to_account, "mid": planned.pair.mid, "merged_on": now_ms}
        yield [as_request([self._insert_log.bind(log)])]
        yield [
            *(select.bind((accounts,)) for select in self._select_both),
            self._select_aggregates.bind((planned.courses, accounts)),
        ]
        yield list(self._writes(planned))
        yield [self._select_log.bind((to_account,))]

    def _writes(self, planned: PlannedMerge) -> Iterator[Any]:
        content = [self._insert_content.bind(write.values) for b in planned.content for write in b.rows]
        ledger = [self._insert_ledger.bind(row) for b in planned.content for row in b.ledger]
        yield as_request(content + ledger)
        yield as_request(
            [
                (self._insert_enrolment if write.copied else self._update_enrolment).bind(write.values)
                for write in planned.enrolments
            ]
        )
        yield from map(
            as_request, together([self._update_aggregate.bind(write.values)] for write in planned.aggregates)
        )


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
