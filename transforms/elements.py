"""The elements that travel between the stages: frozen dataclasses that know neither Beam nor Cassandra."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """Where an event was read: the position of a record in Kafka.

    Attributes:
        topic: the input topic.
        partition: the partition within the topic.
        offset: the offset within the partition.
        timestamp: the record's timestamp, in ms since the epoch; -1 where the broker gave none.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int

    @property
    def id(self) -> str:
        """The position as text, unique for each input record: `topic-partition-offset`."""
        return f"{self.topic}-{self.partition}-{self.offset}"


@dataclass(frozen=True, slots=True)
class MergeEvent:
    """A valid merge event (design.md, "Parsing").

    Attributes:
        from_account: the account whose history is merged; its own rows are never changed.
        to_account: the primary account, which receives the history.
        mid: the event's message id, empty where it has none that is text.
        ets: the event's own time in ms since the epoch, 0 where it has none.
        path: the accounts that a follow-up event has passed so far, ending in the from account; empty for an
            event of the producer.
        source: the record that carried it.
        original: the record's value as it was read, so that a failed event carries every field untouched.
        replayed: whether a replay has published it.
    """

    from_account: str
    to_account: str
    mid: str
    ets: int
    path: tuple[str, ...]
    source: Source
    original: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """An input that could not be merged, on its way to the failed topic (design.md, "Failed events").

    Attributes:
        error_code: `ERR_MERGE_USER_COURSES_INVALID_EVENT` or `DATA_ERROR`.
        error: one sentence that says what is wrong.
        source: the record that carried the input.
        original: the record's value; None for a tombstone.
    """

    error_code: str
    error: str
    source: Source
    original: bytes | None


@dataclass(frozen=True, slots=True)
class TableMerge:
    """One table of an event is merged.

    Attributes:
        event: the event.
        table: its name in transforms.table_merges.
        enrolments: (courseid, batchid) of every enrolment that the to account now has; empty but from
            `user_enrolments`.
        started_ms: when the merge of this table began, in ms since the epoch.
        ended_ms: when it was written, in ms since the epoch.
        rows_read: rows read from Cassandra.
        rows_written: rows written, ledger rows included.
    """

    event: MergeEvent
    table: str
    enrolments: tuple[tuple[str, str], ...]
    started_ms: float
    ended_ms: float
    rows_read: int = 0
    rows_written: int = 0


@dataclass(frozen=True, slots=True)
class TableFailure:
    """One table of an event could not be merged.

    Attributes:
        event: the event.
        table: as in TableMerge.
        error: one sentence that says why.
        started_ms: as in TableMerge.
        ended_ms: when it was given up, in ms since the epoch.
    """

    event: MergeEvent
    table: str
    error: str
    started_ms: float = 0
    ended_ms: float = 0


@dataclass(frozen=True, slots=True)
class JoinedEvent:
    """An event of which all tables are merged, or have failed.

    Attributes:
        event: the event.
        enrolments: (courseid, batchid) of every enrolment that the to account now has.
        rows: of each table that is merged its name, the rows read and the rows written.
        started_ms: when the merge of its first table began, in ms since the epoch.
        ended_ms: when its last table was written, in ms since the epoch.
        error: a sentence for each table that has failed; empty where all are merged.
    """

    event: MergeEvent
    enrolments: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, int, int], ...] = ()
    started_ms: float = 0
    ended_ms: float = 0
    error: str = ""

    @property
    def ms(self) -> float:
        """From the begin of its first table to the end of its last, in ms."""
        return self.ended_ms - self.started_ms

    @property
    def source(self) -> Source:
        """The record that carried the event."""
        return self.event.source
