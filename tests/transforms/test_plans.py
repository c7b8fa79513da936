"""How many follow-ups a net of merges needs; on the tables in memory, which follow up as the pipeline does."""

from collections import deque
from random import Random

from hamcrest import assert_that, empty, equal_to, less_than

from faults.comparable_rows import comparable
from faults.memory_tables import CONTENT_CONSUMPTION, MemoryTables, merge_event


def test_in_a_dense_net_of_merges_follow_ups_stay_in_proportion() -> None:
    accounts = [f"a{i}" for i in range(25)]
    row = {"courseid": "c", "batchid": "b", "contentid": "k", "viewcount": 1}
    tables = MemoryTables({CONTENT_CONSUMPTION: [{"userid": account, **row} for account in accounts]})
    draw = Random(7)
    originals = [merge_event(*draw.sample(accounts, 2)) for _ in range(100)]

    events, follow_ups = deque(originals), 0
    while events:
        made = tables.merge(events.popleft())
        follow_ups += len(made)
        events += made
        # Each account can receive from each other once; the paths through the net are beyond number.
        assert_that(follow_ups, less_than(len(accounts) ** 2 * 2))

    at_rest = comparable(tables.export())
    for event in originals:
        assert_that(tables.merge(event), empty())
    assert_that(comparable(tables.export()), equal_to(at_rest))
