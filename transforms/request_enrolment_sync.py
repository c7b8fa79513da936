"""RequestEnrolmentSync: what follows a merge: sync requests, and follow-up events for late history."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import DoOutputsTuple, PCollection, TaggedOutput
from apache_beam.utils.windowed_value import WindowedValue

from transforms.dofns.account_fn import AccountFn, Merging, Outcome
from transforms.dofns.outputs import declare_types
from transforms.elements import FailedEvent, JoinedEvent, MergeEvent
from transforms.event_history import BundleHistory, history_row
from transforms.event_log import log_merged
from transforms.format_failed_events import DATA_ERROR, FAILED
from transforms.messages import follow_up_event, sync_request
from transforms.metrics import (
    CASSANDRA_OUTAGES,
    CASSANDRA_OUTAGES_ENDED,
    CASSANDRA_RETRIES,
    HISTORY_ERRORS,
    NAMESPACE,
    SUCCESS_EVENTS,
    SYNC_REQUESTS,
)
from transforms.metrics import FOLLOW_UPS as FOLLOW_UPS_COUNT
from transforms.records import ReadLimits, Record, RecordLimits, RecordTooLargeError, account_record
from transforms.rules.follow_ups import FollowUp, follow_ups
from transforms.settings import CassandraSettings, MergeSettings
from transforms.store.merge_log import MergeLog
from transforms.table_merges import would_write

FOLLOW_UPS = "follow_ups"


class RequestEnrolmentSyncFn(AccountFn[JoinedEvent, Sequence[FollowUp]]):
    """Reads the to account's merge log and makes the messages; elements as of RequestEnrolmentSync."""

    def __init__(self, cassandra: CassandraSettings, merge: MergeSettings, read_limits: ReadLimits) -> None:
        """Take the settings of the job and declare the metrics."""
        super().__init__(cassandra, merge)
        self._read_limits = read_limits
        self._succeeded = Metrics.counter(NAMESPACE, SUCCESS_EVENTS)
        self._requested = Metrics.counter(NAMESPACE, SYNC_REQUESTS)
        self._followed_up = Metrics.counter(NAMESPACE, FOLLOW_UPS_COUNT)
        self._history_errors = Metrics.counter(NAMESPACE, HISTORY_ERRORS)
        self._retries = Metrics.counter(NAMESPACE, CASSANDRA_RETRIES)
        self._outages = Metrics.counter(NAMESPACE, CASSANDRA_OUTAGES)
        self._outages_ended = Metrics.counter(NAMESPACE, CASSANDRA_OUTAGES_ENDED)

    def setup(self) -> None:
        """Connect, and ask what the topics take."""
        super().setup()
        self._limits = self._read_limits()

    def start_bundle(self) -> None:
        """Begin a bundle: one follow-up for each pair of accounts carries what all its events have brought."""
        self._in_bundle: set[tuple[str, str]] = set()
        self._history = BundleHistory(self._merging.store, self._merge.history_ttl_days)

    def finish_bundle(self) -> Iterator[WindowedValue | TaggedOutput]:
        """Yield what follows from the bundle's events, write their history, and count what became of the session.

        That is the process's, and counted here for all stages: of several DoFns that count under one name in one
        stage, as they are fused, Flink shows one.
        """
        yield from super().finish_bundle()
        self._history_errors.inc(self._history.write())
        counts = self._merging.store.outage.take_counts()
        # Also where there were none: a counter that nothing was added to is not there for Prometheus.
        self._retries.inc(counts.retries)
        self._outages.inc(counts.begun)
        self._outages_ended.inc(counts.ended)

    async def work(self, merging: Merging, item: JoinedEvent) -> Sequence[FollowUp]:
        """The follow-ups that are needed; none where the ledger is off, or the event has failed.

        An account that lacks nothing needs none: the merge that brought it what it has made the follow-ups from
        there on. So the number of follow-ups stays in proportion to what they carry.
        """
        if item.error or not merging.merge_ledger:
            return []
        account, log = item.event.to_account, await merging.store.table(MergeLog)
        candidates = follow_ups(item.event, await log.rows(account))
        return [one for one in candidates if await would_write(merging, account, one.into_account)]

    def outputs(self, outcome: Outcome[JoinedEvent, Sequence[FollowUp]]) -> Iterator[Record | TaggedOutput]:
        """The requests and the follow-ups, or a failure tagged `failed` where one of them is too large."""
        joined, now_ms = outcome.item, int(time.time() * 1000)
        event, error = joined.event, joined.error
        requests: list[Record] = []
        followed_up: dict[tuple[str, str], Record] = {}
        if outcome.done is None:
            error = f"The merge log could not be read: {outcome.error}"
        elif not error:
            try:
                requests = self._requests(event, joined.enrolments, now_ms)
                followed_up = self._follow_ups(event, outcome.done, now_ms)
            except RecordTooLargeError as e:
                error = f"It is merged, but a message that follows from it cannot be published: {e}"
        if self._merge.keeps_history:
            follow = (0, 0) if error else (len(requests), len(followed_up))
            self._history.add(history_row(joined, error, *follow, now_ms))
        if error:
            yield TaggedOutput(FAILED, FailedEvent(DATA_ERROR, error, event.source, event.original))
            return
        yield from requests
        for record in followed_up.values():
            yield TaggedOutput(FOLLOW_UPS, record)
        self._in_bundle |= followed_up.keys()
        self._followed_up.inc(len(followed_up))
        self._succeeded.inc()
        self._requested.inc(len(requests))
        log_merged(joined, len(requests), len(followed_up))

    def _requests(self, event: MergeEvent, enrolments: Sequence[tuple[str, str]], now_ms: int) -> list[Record]:
        action, limit = self._merge.course_batch_updater_action, self._limits.sync_requests
        return [
            account_record(event.to_account, sync_request(event, courseid, batchid, action, now_ms), limit)
            for courseid, batchid in enrolments
        ]

    def _follow_ups(
        self, event: MergeEvent, follow_ups: Sequence[FollowUp], now_ms: int
    ) -> dict[tuple[str, str], Record]:
        """The follow-ups that no event of the bundle has brought yet, by their accounts."""
        by_accounts = {(event.to_account, follow_up.into_account): follow_up for follow_up in follow_ups}
        return {
            accounts: account_record(
                follow_up.into_account, follow_up_event(event, follow_up, now_ms), self._limits.follow_ups
            )
            for accounts, follow_up in by_accounts.items()
            if accounts not in self._in_bundle
        }


def _by_to_account(joined: JoinedEvent) -> tuple[str, JoinedEvent]:
    return joined.event.to_account, joined


@beam.typehints.with_input_types(JoinedEvent)
class RequestEnrolmentSync(beam.PTransform):
    """JoinedEvent to the Kafka records that follow from it: key the account that is concerned, value JSON.

    Outputs: main, sync requests, one for each enrolment the to account now has; `follow_ups`, merge events for
    the input topic, one for each account that the to account was merged into before and that lacks anything of
    it; `failed`, FailedEvent with DATA_ERROR, where a table has failed, and where one of the messages would be
    larger than its topic takes: then none of them is published. A repeated event makes the same messages again,
    with the same uuids. What became of each event is written into the history, which fails none of them.
    """

    def __init__(
        self, cassandra: CassandraSettings, merge: MergeSettings, read_limits: ReadLimits = RecordLimits
    ) -> None:
        """Take the settings of the job, and what tells the topics' limits on a worker."""
        super().__init__()
        self._fn = RequestEnrolmentSyncFn(cassandra, merge, read_limits)

    def expand(self, joined: PCollection) -> DoOutputsTuple:
        """Key by account and wire the DoFn and its tagged outputs."""
        outputs = (
            joined
            | "KeyByToAccount" >> beam.Map(_by_to_account).with_output_types(tuple[str, JoinedEvent])
            | "Request" >> beam.ParDo(self._fn).with_outputs(FOLLOW_UPS, FAILED, main="sync_requests")
        )
        return declare_types(outputs, sync_requests=Record, follow_ups=Record, failed=FailedEvent)
