"""Generated histories on a real Cassandra: merges that overlap end as the same merges in memory, one by one."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from itertools import count

from hamcrest import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from faults.comparable_rows import comparable
from faults.keyspaces import Keyspace
from faults.memory_tables import KEYS, MemoryTables, Rows
from tests.support.examples import few, of_example, rows_of
from tests.support.histories import TABLES, events
from tests.support.merger import Merger
from transforms.elements import MergeEvent

_examples = count()


@few(25)
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
    keyspace.insert(of_example(rows, example))
    # Read back, so that both begin with what Cassandra has of times and floats.
    memory = MemoryTables(rows_of(keyspace, example), clock=lambda: datetime.now(UTC).replace(tzinfo=None))

    memory.merge_all(merges)
    merger.merge_overlapping(order)

    actual, expected = comparable(rows_of(keyspace, example)), comparable(memory.export())
    for table in KEYS:
        assert_that(actual[table], equal_to(expected[table]), table)
    assert_that(merger.judge(merges), equal_to([]))
    merger.merge_overlapping(order)
    assert_that(comparable(rows_of(keyspace, example)), equal_to(actual), "merged once more")
