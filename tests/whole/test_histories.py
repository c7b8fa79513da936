"""Generated histories on a real Cassandra: merges that overlap end as the same merges in memory, one by one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, count
from typing import Any

import pytest
from hamcrest import assert_that, equal_to
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.histories import ACCOUNTS, TABLES, events
from tests.keyspaces import Keyspace, MakeKeyspace
from tests.memory_tables import DATES, KEYS, MemoryTables, Rows, comparable
from transforms.account_lanes import AccountLanes
from transforms.course_tables import CourseTables
from transforms.elements import MergedEvent, MergeEvent, Source
from transforms.log_merge import LogMergeFn
from transforms.merge_content_consumption import MergeContentConsumptionFn
from transforms.merge_user_activity_aggregates import MergeUserActivityAggregatesFn
from transforms.merge_user_enrolments import MergeUserEnrolmentsFn
from transforms.messages import follow_up_event
from transforms.parse_merge_event import parse_merge_event
from transforms.plans import Plans
from transforms.request_enrolment_sync import RequestEnrolmentSyncFn
from transforms.settings import MergeSettings

MERGE = MergeSettings(True, "yyyy-MM-dd HH:mm:ss:SSSZ", "batch-enrolment-sync")

# What fails here is to be looked at in memory, where thousands of histories run; here shrinking would take hours.
_FEW = hypothesis_settings(
    max_examples=25, deadline=None, print_blob=True, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)

_examples = count()


class Merger:
    """The work of all stages, without Kafka and Beam: follow-ups go into a queue."""

    def __init__(self, keyspace: Keyspace) -> None:
        cassandra = keyspace.settings()
        self.tables = CourseTables(cassandra, merge_ledger=True)
        self._plans = Plans(self.tables, DATES, merge_ledger=True)
        self._log = LogMergeFn(cassandra, MERGE)
        self._merges = [
            MergeContentConsumptionFn(cassandra, MERGE),
            MergeUserEnrolmentsFn(cassandra, MERGE),
            MergeUserActivityAggregatesFn(cassandra, MERGE),
        ]
        self._request = RequestEnrolmentSyncFn(cassandra, MERGE)

    async def merge(self, event: MergeEvent) -> list[MergeEvent]:
        """Merge one event; returns its follow-ups as they come back from the input topic."""
        await self._log.work(self._plans, event)
        for merge in self._merges:
            await merge.work(self._plans, event)
        follow_ups = await self._request.work(self._plans, MergedEvent(event, ()))
        messages = [json.dumps(follow_up_event(event, one, 0)).encode() for one in follow_ups]
        return [parse_merge_event(message, Source("topic", 0, 0, 0)) for message in messages]

    def merge_overlapping(self, merges: list[MergeEvent]) -> None:
        """Merge the events and their follow-ups, one at a time for each account."""
        lanes: AccountLanes[MergeEvent, list[MergeEvent]] = AccountLanes(self.merge, 4)
        while merges:
            for event in merges:
                lanes.submit(event.to_account, event)
            merges = list(chain.from_iterable(lanes.results()))


@pytest.fixture(scope="module")
def keyspace(make_keyspace: MakeKeyspace) -> Keyspace:
    return make_keyspace()


@pytest.fixture(scope="module")
def merger(keyspace: Keyspace) -> Iterator[Merger]:
    made = Merger(keyspace)
    yield made
    made.tables.close()


def _of_example(rows: Rows, example: str) -> Rows:
    """The rows as of accounts that no other example has."""
    accounts = {account: f"{example}{account}" for account in ACCOUNTS}
    return {
        table: [
            {
                column: accounts[value] if column in ("userid", "user_id") else value
                for column, value in row.items()
            }
            for row in table_rows
        ]
        for table, table_rows in rows.items()
    }


def _read(keyspace: Keyspace, example: str) -> dict[str, list[dict[str, Any]]]:
    return {
        table: [row for row in rows if row.get("userid", row.get("user_id")).startswith(example)]
        for table, rows in keyspace.all_rows().items()
    }


@_FEW
@given(TABLES, events(), st.data())
def test_overlapping_merges_with_repeats_in_any_order_end_as_in_memory_one_by_one(
    keyspace: Keyspace, merger: Merger, rows: Rows, merges: list[MergeEvent], data: st.DataObject
) -> None:
    example = f"{next(_examples)}-"
    merges = [
        dataclasses.replace(
            event, from_account=f"{example}{event.from_account}", to_account=f"{example}{event.to_account}"
        )
        for event in merges
    ]
    repeats = data.draw(st.lists(st.sampled_from(merges), max_size=3))
    order = data.draw(st.permutations(merges + repeats))
    keyspace.insert(_of_example(rows, example))
    # Read back, so that both begin with what Cassandra has of times and floats.
    memory = MemoryTables(_read(keyspace, example), clock=lambda: datetime.now(UTC).replace(tzinfo=None))

    memory.merge_all(merges)
    merger.merge_overlapping(order)

    actual, expected = comparable(_read(keyspace, example)), comparable(memory.export())
    for table in KEYS:
        assert_that(actual[table], equal_to(expected[table]), table)
    merger.merge_overlapping(order)
    assert_that(comparable(_read(keyspace, example)), equal_to(actual), "merged once more")
