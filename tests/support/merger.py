"""All stages on a real Cassandra, without Kafka and Beam: merges one event after the other, or several at once."""

from __future__ import annotations

import json
from itertools import chain

from faults.keyspaces import Keyspace
from faults.memory_tables import DATES
from pipeline.operators.verify.judge import judge_counts, judge_rows
from pipeline.operators.verify.judgements import Finding
from tests.support.bundles import MERGE
from transforms.dofns.account_fn import Merging
from transforms.dofns.account_lanes import AccountLanes
from transforms.dofns.merge_table import MergeTableFn
from transforms.elements import JoinedEvent, MergeEvent, Source
from transforms.log_merge import LogMergeFn
from transforms.messages import follow_up_event
from transforms.parse_merge_event import parse_merge_event
from transforms.records import RecordLimits
from transforms.request_enrolment_sync import RequestEnrolmentSyncFn
from transforms.store.event_loop import wait_for
from transforms.store.session import Store
from transforms.table_merges import TABLE_MERGES


class Merger:
    """The work of all stages; follow-ups go into a queue.

    Attributes:
        merging: what its merges need of the job.
        requests: the enrolments for which each event asks.
    """

    def __init__(self, keyspace: Keyspace) -> None:
        cassandra = keyspace.settings()
        self._store = Store(cassandra)
        self.merging = Merging(self._store, DATES, merge_ledger=True)
        self.requests: dict[MergeEvent, tuple[tuple[str, str], ...]] = {}
        self._log = LogMergeFn(cassandra, MERGE)
        self._merges = [MergeTableFn(stage.table, stage.plan, cassandra, MERGE) for stage in TABLE_MERGES]
        self._request = RequestEnrolmentSyncFn(cassandra, MERGE, RecordLimits)

    def close(self) -> None:
        self._store.close()

    async def merge(self, event: MergeEvent) -> list[MergeEvent]:
        """Merge one event; returns its follow-ups as they come back from the input topic."""
        await self._log.work(self.merging, event)
        for merge in self._merges:
            done = await merge.work(self.merging, event)
            self.requests[event] = self.requests.get(event, ()) + done.enrolments
        follow_ups = await self._request.work(self.merging, JoinedEvent(event, ()))
        messages = [json.dumps(follow_up_event(event, one, 0)).encode() for one in follow_ups]
        return [parse_merge_event(message, Source("topic", 0, 0, 0)) for message in messages]

    def judge(self, merges: list[MergeEvent]) -> list[Finding]:
        """What is not as it should be once the events and their follow-ups are merged."""

        async def findings() -> list[Finding]:
            found = []
            for from_account, to_account in sorted({(one.from_account, one.to_account) for one in merges}):
                found += await judge_rows(self.merging, from_account, to_account)
                found += await judge_counts(self.merging, to_account)
            return found

        return wait_for(findings())

    def merge_overlapping(self, merges: list[MergeEvent]) -> None:
        """Merge the events and their follow-ups, one at a time for each account."""
        lanes: AccountLanes[MergeEvent, list[MergeEvent]] = AccountLanes(self.merge, 4)
        while merges:
            for event in merges:
                lanes.submit(event.to_account, event)
            merges = list(chain.from_iterable(lanes.results()))
