"""The tables in memory, written as Cassandra would: what the pipeline is compared with.

Rows are plain dicts by table name, in and out, so that what is read from a real Cassandra can be compared as well.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

from transforms.elements import MergeEvent, Source
from transforms.rules.activity_aggregates import merge_user_activity_aggregates
from transforms.rules.assessments import assessment_rules, merge_assessments
from transforms.rules.content_consumption import BatchWrites, content_rules, merge_content_consumption
from transforms.rules.dates import TextDates
from transforms.rules.enrolments import enrolment_rules, merge_user_enrolments
from transforms.rules.follow_ups import follow_ups
from transforms.rules.rows import Row, RowWrite, is_null

CONTENT_CONSUMPTION = "user_content_consumption"
ENROLMENTS = "user_enrolments"
ACTIVITY_AGG = "user_activity_agg"
ASSESSMENTS = "assessment_aggregator"
LEDGER = "user_content_merge_facts"
MERGE_LOG = "user_merge_log"

KEYS = {
    CONTENT_CONSUMPTION: ("userid", "courseid", "batchid", "contentid"),
    ENROLMENTS: ("userid", "courseid", "batchid"),
    ACTIVITY_AGG: ("activity_type", "activity_id", "user_id", "context_id"),
    ASSESSMENTS: ("user_id", "course_id", "batch_id", "content_id", "attempt_id"),
    LEDGER: ("userid", "courseid", "batchid", "originid", "fact"),
    MERGE_LOG: ("userid", "intoid"),
}
COLUMNS = {
    ACTIVITY_AGG: ("agg", "agg_details", "agg_last_updated", "aggregates"),
    ASSESSMENTS: (
        *("total_score", "total_max_score", "grand_total", "question"),
        *("created_on", "last_attempted_on", "updated_on"),
    ),
}
"""All columns but the key of the tables whose rules are given whole rows."""

FROZEN = {LEDGER}
"""Tables whose maps are replaced, not added to."""

DATES = TextDates("yyyy-MM-dd HH:mm:ss:SSSZ")
_ASSESSMENTS = assessment_rules("course_id", "batch_id")

Key = tuple[Any, ...]
Rows = Mapping[str, Iterable[Row]]


def merge_event(
    from_account: str, to_account: str, *, mid: str | None = None, path: tuple[str, ...] = ()
) -> MergeEvent:
    """An event whose mid, unless given, is that of the pair: a repeat is the same event."""
    mid = f"LP.{from_account}-{to_account}" if mid is None else mid
    return MergeEvent(from_account, to_account, mid, 1, path, Source("topic", 0, 0, 0), b"")


class MemoryTables:
    """The six tables, and the merge of an event in them.

    Rows are replaced, never changed in place: rows that were read stay as they were.
    """

    def __init__(
        self,
        rows: Rows | None = None,
        *,
        clock: Callable[[], Any] = lambda: 0,
        dates: TextDates = DATES,
        ledger: bool = True,
    ) -> None:
        self._rows: dict[str, dict[Key, Row]] = {table: {} for table in KEYS}
        self._clock, self._dates, self.ledger = clock, dates, ledger
        for table, table_rows in (rows or {}).items():
            for row in table_rows:
                self.write(table, row)

    def export(self) -> dict[str, list[Row]]:
        """All rows by table, in the order of their keys, without nulls."""
        return {table: [dict(rows[key]) for key in sorted(rows)] for table, rows in self._rows.items()}

    def read(self, table: str, account: str, courses: Container[str] | None = None) -> list[Row]:
        """An account's rows; of user_activity_agg those of the courses."""
        place = KEYS[table].index("user_id" if "user_id" in KEYS[table] else "userid")
        nulls = dict.fromkeys(COLUMNS.get(table, ()))
        rows = [nulls | row for key, row in self._rows[table].items() if key[place] == account]
        return [row for row in rows if courses is None or row["activity_id"] in courses]

    def write(self, table: str, values: Row) -> None:
        """Upsert: columns that are absent stay, maps get the entries, empty collections are null."""
        key = tuple(values[column] for column in KEYS[table])
        row = dict(self._rows[table].get(key, {}))
        for column, value in values.items():
            if isinstance(value, Mapping) and table not in FROZEN:
                row[column] = {**row.get(column, {}), **value}
            else:
                row[column] = list(value) if isinstance(value, list) else value
        self._rows[table][key] = {column: value for column, value in row.items() if not is_null(value)}

    def apply(self, table: str, write: RowWrite) -> None:
        """Apply one row's write, after checking that it keeps what RowWrite promises."""
        row = write.columns()
        key = tuple(row[column] for column in KEYS[table])
        assert not any(is_null(value) for value in write.values.values()), write
        assert write.copied is None or write.replaces == (key in self._rows[table]), write
        assert write.copied is not None or len(row) > len(key), f"nothing to write: {write}"
        self.write(table, row)

    def add_facts(self, batches: Iterable[BatchWrites]) -> None:
        """Add the facts of course batches to the ledger, each of which says something new."""
        for batch in batches:
            assert batch.rows or batch.facts
            for fact in batch.facts:
                assert tuple(fact[column] for column in KEYS[LEDGER]) not in self._rows[LEDGER], fact
                self.write(LEDGER, fact)

    def merge(self, event: MergeEvent) -> list[MergeEvent]:
        """Merge one event from beginning to end; returns its follow-ups."""
        merge = RunningMerge(self, event)
        while merge.step(0):
            pass
        return merge.follow_ups

    def merge_all(self, events: Iterable[MergeEvent]) -> None:
        """Merge events one after the other, and then their follow-ups, until there are none."""
        queue = list(events)
        while queue:
            queue += self.merge(queue.pop(0))

    def log_merge(self, event: MergeEvent) -> Iterator[None]:
        """Write the log, unless it is there and a follow-up would replace the mid of the original event."""
        into = {row["intoid"] for row in self.read(MERGE_LOG, event.from_account)}
        if not event.path or event.to_account not in into:
            row = {"userid": event.from_account, "intoid": event.to_account}
            self.write(MERGE_LOG, row | {"mid": event.mid, "merged_on": self._clock()})
        yield

    def merge_content_consumption(self, event: MergeEvent) -> Iterator[None]:
        """Merge user_content_consumption, yielding between its reads and writes."""
        from_rows = self.read(CONTENT_CONSUMPTION, event.from_account)
        yield
        from_facts = self.read(LEDGER, event.from_account)
        to_rows = self.read(CONTENT_CONSUMPTION, event.to_account)
        yield
        to_facts = self.read(LEDGER, event.to_account)
        yield
        batches = merge_content_consumption(
            event.from_account,
            event.to_account,
            content_rules(self._dates).pairs(from_rows, to_rows),
            from_facts,
            to_facts,
            rules=content_rules(self._dates),
            mid=event.mid,
            now=self._clock(),
            ledger=self.ledger,
        )
        self.add_facts(batches)
        yield
        for batch in batches:
            for write in batch.rows:
                self.apply(CONTENT_CONSUMPTION, write)
            yield

    def merge_user_enrolments(self, event: MergeEvent) -> Iterator[None]:
        """Merge user_enrolments, yielding between its reads and writes."""
        from_rows = self.read(ENROLMENTS, event.from_account)
        yield
        to_rows = self.read(ENROLMENTS, event.to_account)
        pairs = enrolment_rules(self._dates).pairs(from_rows, to_rows)
        for write in merge_user_enrolments(event.to_account, pairs, dates=self._dates):
            self.apply(ENROLMENTS, write)
        yield

    def merge_user_activity_aggregates(self, event: MergeEvent) -> Iterator[None]:
        """Merge user_activity_agg, yielding between its reads and writes."""
        courses = {row["courseid"] for row in self.read(ENROLMENTS, event.from_account)}
        yield
        from_rows = self.read(ACTIVITY_AGG, event.from_account, courses)
        yield
        to_rows = self.read(ACTIVITY_AGG, event.to_account, courses)
        for write in merge_user_activity_aggregates(event.to_account, from_rows, to_rows, now=self._clock()):
            self.apply(ACTIVITY_AGG, write)
            yield

    def merge_assessments(self, event: MergeEvent) -> Iterator[None]:
        """Merge assessment_aggregator, yielding between its reads and writes."""
        batches = {(row["courseid"], row["batchid"]) for row in self.read(ENROLMENTS, event.from_account)}
        yield
        from_rows, to_rows = (self.read(ASSESSMENTS, each) for each in (event.from_account, event.to_account))
        pairs = (pair for pair in _ASSESSMENTS.pairs(from_rows, to_rows) if pair.key[:2] in batches)
        for write in merge_assessments(event.to_account, pairs, _ASSESSMENTS):
            self.apply(ASSESSMENTS, write)
        yield

    def follow_ups(self, event: MergeEvent) -> list[MergeEvent]:
        """The follow-ups that the log asks for now, of those accounts that lack anything."""
        if not self.ledger:
            return []
        log = self.read(MERGE_LOG, event.to_account)
        return [
            merge_event(event.to_account, follow_up.into_account, mid=follow_up.mid, path=follow_up.path)
            for follow_up in follow_ups(event, log)
            if self._would_write(event.to_account, follow_up.into_account)
        ]

    def _would_write(self, from_account: str, to_account: str) -> bool:
        trial = MemoryTables(clock=self._clock, dates=self._dates)
        trial._rows = {table: dict(rows) for table, rows in self._rows.items()}
        event = merge_event(from_account, to_account)
        for merge in TABLE_MERGES:
            for _ in merge(trial, event):
                pass
        return trial._rows != self._rows


TABLE_MERGES: tuple[Callable[[MemoryTables, MergeEvent], Iterator[None]], ...] = (
    MemoryTables.merge_content_consumption,
    MemoryTables.merge_user_enrolments,
    MemoryTables.merge_user_activity_aggregates,
    MemoryTables.merge_assessments,
)
"""The merge of each table."""


class RunningMerge:
    """An event in the middle of being merged: the log, then all tables side by side, then the follow-ups."""

    def __init__(self, tables: MemoryTables, event: MergeEvent) -> None:
        self._tables, self._event = tables, event
        self._steps: list[Iterator[None]] = [tables.log_merge(event)] if tables.ledger else []
        self._next = TABLE_MERGES
        self.follow_ups: list[MergeEvent] = []

    def step(self, choice: int) -> bool:
        """Take one step of one of the tables; returns whether there is more to do."""
        if not self._steps:
            if not self._next:
                self.follow_ups = self._tables.follow_ups(self._event)
                return False
            self._steps, self._next = [merge(self._tables, self._event) for merge in self._next], ()
        steps = self._steps[choice % len(self._steps)]
        if next(steps, StopIteration) is StopIteration:
            self._steps.remove(steps)
        return True
