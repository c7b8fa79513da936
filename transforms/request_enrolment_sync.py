"""RequestEnrolmentSync: what follows a merge: sync requests, and follow-up events for late history."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import DoOutputsTuple, PCollection, TaggedOutput

from transforms.account_fn import AccountFn, Outcome
from transforms.elements import FailedEvent, MergedEvent
from transforms.failures import DATA_ERROR, FAILED
from transforms.messages import follow_up_event, sync_request
from transforms.metrics import FOLLOW_UPS as FOLLOW_UPS_COUNT
from transforms.metrics import NAMESPACE, SUCCESS_EVENTS, SYNC_REQUESTS
from transforms.outputs import declare_types
from transforms.plans import Plans
from transforms.rules.follow_ups import FollowUp, follow_ups
from transforms.settings import CassandraSettings, MergeSettings

FOLLOW_UPS = "follow_ups"


class RequestEnrolmentSyncFn(AccountFn[MergedEvent, Sequence[FollowUp]]):
    """Reads the to account's merge log and makes the messages; elements as of RequestEnrolmentSync."""

    def __init__(self, cassandra: CassandraSettings, merge: MergeSettings) -> None:
        """Take the settings of the job and declare the metrics."""
        super().__init__(cassandra, merge)
        self._succeeded = Metrics.counter(NAMESPACE, SUCCESS_EVENTS)
        self._requested = Metrics.counter(NAMESPACE, SYNC_REQUESTS)
        self._followed_up = Metrics.counter(NAMESPACE, FOLLOW_UPS_COUNT)

    def start_bundle(self) -> None:
        """Begin a bundle, within which a follow-up carries what all events of the bundle brought."""
        self._in_bundle: set[tuple[str, str]] = set()

    async def work(self, plans: Plans, item: MergedEvent) -> Sequence[FollowUp]:
        """The follow-ups that are needed; none where the ledger is off.

        An account that lacks nothing needs none, and whatever merge brought it there looks further from it. Only
        so does the number of follow-ups stay in proportion to what they carry.
        """
        if not self._merge.merge_ledger:
            return []
        account = item.event.to_account
        candidates = follow_ups(item.event, await plans.tables.merge_log(account))
        return [candidate for candidate in candidates if await plans.would_write(account, candidate.into_account)]

    def outputs(
        self, outcome: Outcome[MergedEvent, Sequence[FollowUp]]
    ) -> Iterator[tuple[bytes, bytes] | TaggedOutput]:
        """The requests and the follow-ups, or a failure tagged `failed`."""
        event, now_ms = outcome.item.event, int(time.time() * 1000)
        if outcome.done is None:
            error = f"The merge log could not be read: {outcome.error}"
            yield TaggedOutput(FAILED, FailedEvent(DATA_ERROR, error, event.source, event.original))
            return
        action = self._merge.course_batch_updater_action
        for courseid, batchid in outcome.item.enrolments:
            yield _record(event.to_account, sync_request(event, courseid, batchid, action, now_ms))
        for follow_up in outcome.done:
            accounts = event.to_account, follow_up.into_account
            if accounts not in self._in_bundle:
                self._in_bundle.add(accounts)
                message = follow_up_event(event, follow_up, now_ms)
                yield TaggedOutput(FOLLOW_UPS, _record(follow_up.into_account, message))
                self._followed_up.inc()
        self._succeeded.inc()
        self._requested.inc(len(outcome.item.enrolments))


def _record(account: str, message: dict[str, Any]) -> tuple[bytes, bytes]:
    return account.encode(), json.dumps(message).encode()


def _by_to_account(merged: MergedEvent) -> tuple[str, MergedEvent]:
    return merged.event.to_account, merged


@beam.typehints.with_input_types(MergedEvent)
class RequestEnrolmentSync(beam.PTransform):
    """MergedEvent to the Kafka records that follow from it: key the account that is concerned, value JSON.

    Outputs: main, sync requests, one for each enrolment the to account now has; `follow_ups`, merge events for
    the input topic, one for each account that the to account was merged into before and that lacks anything of
    it; `failed`, FailedEvent with DATA_ERROR. A repeated event makes the same messages again, with the same uuids.
    """

    def __init__(self, cassandra: CassandraSettings, merge: MergeSettings) -> None:
        """Take the settings of the job."""
        super().__init__()
        self._fn = RequestEnrolmentSyncFn(cassandra, merge)

    def expand(self, merged: PCollection) -> DoOutputsTuple:
        """Key by account and wire the DoFn and its tagged outputs."""
        outputs = (
            merged
            | "KeyByToAccount" >> beam.Map(_by_to_account).with_output_types(tuple[str, MergedEvent])
            | "Request" >> beam.ParDo(self._fn).with_outputs(FOLLOW_UPS, FAILED, main="sync_requests")
        )
        record = tuple[bytes, bytes]
        return declare_types(outputs, sync_requests=record, follow_ups=record, failed=FailedEvent)
