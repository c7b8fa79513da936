"""What holds for every history of merges, whatever the rules of a column are."""

from collections import defaultdict
from collections.abc import Iterable
from copy import deepcopy
from itertools import count, permutations
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from faults.comparable_rows import comparable
from faults.memory_tables import (
    CONTENT_CONSUMPTION,
    KEYS,
    MERGE_LOG,
    MemoryTables,
    Rows,
    merge_event,
)
from tests.support.histories import (
    ACCOUNTS,
    HISTORIES,
    TABLES,
    TABLES_WITH_EXCEPTIONS,
    TABLES_WITH_HUGE_COUNTS,
    events,
    merge_overlapping,
)
from transforms.elements import MergeEvent
from transforms.rules.content_consumption import MAX_INT

_RANDOM = st.integers(0, 2**32).map(Random)
_COUNTERS = ("viewcount", "completedcount")

COUNTS = settings(HISTORIES, max_examples=150)
"""Of sums there are thousands of histories more, with all that may go wrong, in test_count_histories."""


def _counts(rows: Rows, counter: str) -> dict[Any, dict[str, int]]:
    counts: dict[Any, dict[str, int]] = defaultdict(dict)
    for row in rows[CONTENT_CONSUMPTION]:
        if row.get(counter) is not None:
            counts[row["courseid"], row["batchid"], row["contentid"]][row["userid"]] = row[counter]
    return counts


def _sums(rows: Rows, counter: str, reached: dict[str, set[str]]) -> dict[Any, dict[str, int]]:
    """What each account counts once the histories of `reached` have reached it."""
    return {
        content: {
            account: min(sum(own[a] for a in reached[account] & own.keys()), MAX_INT)
            for account in ACCOUNTS
            if reached[account] & own.keys()
        }
        for content, own in _counts(rows, counter).items()
    }


def _reached(merges: Iterable[MergeEvent]) -> dict[str, set[str]]:
    """Whose history reaches whom by these merges, in this order."""
    reached = {account: {account} for account in ACCOUNTS}
    for event in merges:
        reached[event.to_account] |= reached[event.from_account]
    return reached


def _upstream(merges: list[MergeEvent]) -> dict[str, set[str]]:
    """Whose history reaches whom once it has followed all merges, whatever their order."""
    return _reached(merges * len(ACCOUNTS))  # as often as the longest chain may need


@COUNTS
@given(TABLES_WITH_HUGE_COUNTS, events(max_size=12))
def test_each_count_is_the_sum_of_the_own_counts_that_reached_it(rows: Rows, merges: list[MergeEvent]) -> None:
    memory = MemoryTables(rows)
    for event in merges:
        memory.merge(event)  # and not its follow-ups: this is about the merges alone
    for counter in _COUNTERS:
        assert _counts(memory.export(), counter) == _sums(rows, counter, _reached(merges))


@COUNTS
@given(TABLES_WITH_HUGE_COUNTS, events(), _RANDOM)
def test_with_follow_ups_each_count_has_the_own_counts_of_all_upstream(
    rows: Rows, merges: list[MergeEvent], random: Random
) -> None:
    memory = MemoryTables(rows)
    merge_overlapping(memory, merges, random)
    for counter in _COUNTERS:
        assert _counts(memory.export(), counter) == _sums(rows, counter, _upstream(merges))


_ONE_CONTENT = {"courseid": "c", "batchid": "b", "contentid": "k"}


@COUNTS
@given(st.lists(st.integers(0, 9), min_size=3, max_size=3), st.data(), _RANDOM)
def test_overlapping_merges_in_a_cycle_count_each_view_once(
    views: list[int], data: st.DataObject, random: Random
) -> None:
    pairs = [merge_event(a, b) for a, b in permutations("abc", 2)]
    merges = data.draw(st.lists(st.sampled_from(pairs), min_size=2, max_size=4))
    content = [{"userid": a, "viewcount": n} | _ONE_CONTENT for a, n in zip("abc", views, strict=True)]
    rows = {CONTENT_CONSUMPTION: content}
    memory = MemoryTables(rows)
    merge_overlapping(memory, merges, random)
    assert _counts(memory.export(), "viewcount") == _sums(rows, "viewcount", _upstream(merges))


@settings(HISTORIES, max_examples=200)  # overlapping merges, below, are in any order as well
@given(TABLES, events(), st.data())
def test_any_order_and_any_repeats_end_in_the_same_tables(
    rows: Rows, merges: list[MergeEvent], data: st.DataObject
) -> None:
    repeats = data.draw(st.lists(st.sampled_from(merges), max_size=3))
    one, another = MemoryTables(rows), MemoryTables(rows)
    one.merge_all(merges)
    another.merge_all(data.draw(st.permutations(merges + repeats)))
    assert comparable(another.export()) == comparable(one.export())


@settings(HISTORIES, max_examples=600)
@given(TABLES, events(), _RANDOM)
def test_overlapping_merges_end_in_the_same_tables(rows: Rows, merges: list[MergeEvent], random: Random) -> None:
    one, another = MemoryTables(rows), MemoryTables(rows)
    one.merge_all(merges)
    merge_overlapping(another, merges + merges[:2], random)
    assert comparable(another.export()) == comparable(one.export())


@HISTORIES
@given(TABLES_WITH_EXCEPTIONS, events())
def test_merging_twice_equals_merging_once(tables: Rows, merges: list[MergeEvent]) -> None:
    clock = count(10)
    memory = MemoryTables(tables, clock=lambda: next(clock))
    for event in merges:
        memory.merge(event)
        once = memory.export()
        memory.merge(event)
        twice = memory.export()
        for rows in (once, twice):
            rows[MERGE_LOG] = [row | {"merged_on": None} for row in rows[MERGE_LOG]]
        assert twice == once, "every value, times and the order of lists too; but for the time in the merge log"


@HISTORIES
@given(TABLES_WITH_EXCEPTIONS, events(max_size=3), st.booleans())
def test_the_rows_of_all_but_the_to_account_stay_as_they_were(
    rows: Rows, merges: list[MergeEvent], ledger: bool
) -> None:
    memory = MemoryTables(rows, ledger=ledger)
    for event in merges:
        before = memory.export()
        copy = deepcopy(before)
        memory.merge(event)
        after = memory.export()
        for table in KEYS.keys() - {MERGE_LOG}:
            account = "user_id" if "user_id" in KEYS[table] else "userid"
            others = [row for row in before[table] if row[account] != event.to_account]
            assert str([row for row in after[table] if row[account] != event.to_account]) == str(others)
        assert str(before) == str(copy), "rows that were read were changed in place"


_EARLIER = ("completedon", "enrolled_date")
_MAY_GET_SMALLER = {
    "enrolleddate",  # the earlier
    "progressdetails",  # from the side whose time is later, like the next two
    "lastreadcontentid",
    "lastreadcontentstatus",
    "lastaccesstime",  # as strings; the later as instants
    "lastcompletedtime",
    "lastupdatedtime",
    "total_score",  # of an attempt the row is kept that was evaluated later
    "total_max_score",
    "grand_total",
    "question",
}


@HISTORIES
@given(TABLES_WITH_EXCEPTIONS, events())
def test_no_value_of_the_primary_gets_smaller(rows: Rows, merges: list[MergeEvent]) -> None:
    memory = MemoryTables(rows)
    for event in merges:
        before = memory.export()
        memory.merge(event)
        after = {
            table: {tuple(row[c] for c in KEYS[table]): row for row in table_rows}
            for table, table_rows in memory.export().items()
        }
        for table, table_rows in before.items():
            for row in table_rows:
                for column in row.keys() - _MAY_GET_SMALLER:
                    new = after[table][tuple(row[c] for c in KEYS[table])][column]
                    assert _not_smaller(column, row[column], new), (column, row[column], new)


def _not_smaller(column: str, old: Any, new: Any) -> bool:
    if column in _EARLIER:
        return bool(new <= old)
    if isinstance(old, dict):
        # max_score goes with its score.
        return all(k.startswith("max_score:") or _not_smaller(column, v, new[k]) for k, v in old.items())
    if isinstance(old, list):
        return {_identity(item) for item in old} <= {_identity(item) for item in new}
    return bool(new >= old or old != old)


def _identity(item: Any) -> Any:
    if isinstance(item, dict):
        return item.get("identifier") or item["name"]
    return item[:18]  # of the details that are drawn, up to the attempt_id
