"""Views, each counted once."""

from typing import Any

import pytest

from faults.memory_tables import CONTENT_CONSUMPTION, LEDGER, MemoryTables, merge_event
from tests.support.content_rows import fact, merge, new_fact, row
from transforms.rules.content_consumption import MAX_INT, BatchWrites
from transforms.rules.rows import RowWrite
from transforms.rules.view_counts import digest

# What both count, and what the to account counts then.
SUMS = [(3, 4, 7), (0, 4, 4), (3, 0, 3), (3, None, 3), (0, None, 0), (None, 4, 4), (None, None, None)]


@pytest.mark.parametrize("counter", ["viewcount", "completedcount"])
@pytest.mark.parametrize("ledger", [True, False])
@pytest.mark.parametrize(("from_count", "to_count", "total"), SUMS)
def test_counts_are_summed(counter: str, ledger: bool, from_count: Any, to_count: Any, total: Any) -> None:
    batches = merge([row("f", **{counter: from_count})], [row("t", **{counter: to_count})], ledger=ledger)
    written = batches[0].rows[0].values[counter] if batches else to_count
    assert written == total


@pytest.mark.parametrize("ledger", [True, False])
@pytest.mark.parametrize("from_count", [3, 0, None])
def test_a_copied_row_counts_what_was_added(ledger: bool, from_count: Any) -> None:
    ((write,),) = [batch.rows for batch in merge([row("f", viewcount=from_count)], [], ledger=ledger)]
    assert write.columns() == (row("t") if from_count is None else row("t", viewcount=from_count))


@pytest.mark.parametrize("ledger", [True, False])
def test_sums_stop_at_the_largest_int(ledger: bool) -> None:
    batches = merge([row("f", viewcount=2)], [row("t", viewcount=MAX_INT - 1)], ledger=ledger)
    assert batches[0].rows[0].values["viewcount"] == MAX_INT
    assert merge([row("f", viewcount=2)], [row("t", viewcount=MAX_INT)], ledger=False) == []


def test_facts_say_which_origin_contributed_how_much_and_what_was_the_accounts_own() -> None:
    (batch,) = merge([row("f", viewcount=3, completedcount=1)], [row("t", viewcount=4)])
    assert batch.facts == [
        new_fact("f", viewcounts={"k": 3}, completedcounts={"k": 1}),
        new_fact("t", viewcounts={"k": 4}),
    ]


def test_without_the_ledger_nothing_is_written_to_it_and_each_merge_adds_again() -> None:
    tables = MemoryTables({CONTENT_CONSUMPTION: [row("f", viewcount=3), row("t", viewcount=4)]}, ledger=False)
    tables.merge_all([merge_event("f", "t")] * 2)
    assert tables.read(CONTENT_CONSUMPTION, "t") == [row("t", viewcount=10)]
    assert tables.read(LEDGER, "t") == []


def test_the_same_is_the_same_fact_whoever_says_it_and_when() -> None:
    assert digest({"viewcounts": {"a": 1, "b": 2}}) == digest({"viewcounts": {"b": 2, "a": 1}})
    others = [{"viewcounts": {"a": 2}}, {"completedcounts": {"a": 1}}, {"viewcounts": {"b": 1}}, {}]
    assert len({digest(maps) for maps in ({"viewcounts": {"a": 1}}, *others)}) == 5


def test_no_fact_says_zero() -> None:
    (batch,) = merge([row("f", viewcount=0, completedcount=1)], [])
    assert batch.facts == [new_fact("f", completedcounts={"k": 1})]


def test_the_own_count_is_a_fact_only_of_contents_that_received_something() -> None:
    contents = [row("t", contentid=content, viewcount=5) for content in "abc"]
    from_rows = [row("f", contentid="a", viewcount=1), row("f", contentid="b", viewcount=0)]
    (batch,) = merge(from_rows, contents)
    assert batch.facts == [new_fact("f", viewcounts={"a": 1}), new_fact("t", viewcounts={"a": 5})]


def test_the_from_account_counts_for_what_others_did_not_contribute_to_it() -> None:
    (batch,) = merge([row("f", viewcount=10)], [], [fact("f", "a", viewcounts={"k": 4, "other": 9})])
    assert [write.columns() for write in batch.rows] == [row("t", viewcount=10)]
    assert batch.facts == [new_fact("a", viewcounts={"k": 4}), new_fact("f", viewcounts={"k": 6})]


def test_the_from_account_counts_for_nothing_where_others_contributed_more_than_its_total() -> None:
    (batch,) = merge([row("f", viewcount=3)], [], [fact("f", "a", viewcounts={"k": 4})])
    assert [write.columns() for write in batch.rows] == [row("t", viewcount=4)]
    assert batch.facts == [new_fact("a", viewcounts={"k": 4})]


def test_the_from_account_counts_for_no_less_than_its_own_count() -> None:
    from_ledger = [fact("f", "a", viewcounts={"k": 4}), fact("f", "f", viewcounts={"k": 3})]
    (batch,) = merge([row("f", viewcount=4)], [], from_ledger)
    assert [write.columns() for write in batch.rows] == [row("t", viewcount=7)]
    assert batch.facts == [new_fact("a", viewcounts={"k": 4}), new_fact("f", viewcounts={"k": 3})]


def test_what_came_from_the_to_account_itself_is_not_added() -> None:
    (batch,) = merge([row("f", viewcount=10)], [row("t", viewcount=4)], [fact("f", "t", viewcounts={"k": 4})])
    assert batch.rows == [RowWrite(row("t", viewcount=10))]
    assert batch.facts == [new_fact("f", viewcounts={"k": 6}), new_fact("t", viewcounts={"k": 4})]


def test_of_two_facts_the_larger_count_holds() -> None:
    to_ledger = [fact("t", "f", viewcounts={"k": count}) for count in (2, 3, 1)]
    assert merge([row("f", viewcount=3)], [row("t", viewcount=10)], [], to_ledger) == []


def test_only_what_is_new_is_added_when_accounts_are_merged_again() -> None:
    to_ledger = [
        fact("t", "f", viewcounts={"k": 3, "other": 1}, completedcounts={"k": 5}),
        fact("t", "t", viewcounts={"k": 7}),
    ]
    (batch,) = merge(
        [row("f", viewcount=4, completedcount=2)], [row("t", viewcount=10, completedcount=5)], [], to_ledger
    )
    assert batch.rows == [RowWrite(row("t", viewcount=11))]
    assert batch.facts == [new_fact("f", viewcounts={"k": 4})]


def test_what_the_to_account_counted_since_is_recorded_with_the_next_that_it_receives() -> None:
    to_ledger = [fact("t", "f", viewcounts={"k": 3}), fact("t", "t", viewcounts={"k": 7})]
    assert merge([row("f", viewcount=3)], [row("t", viewcount=12)], [], to_ledger) == []
    (batch,) = merge([row("f", viewcount=4)], [row("t", viewcount=12)], [], to_ledger)
    assert batch.facts == [new_fact("f", viewcounts={"k": 4}), new_fact("t", viewcounts={"k": 9})]


@pytest.mark.parametrize(("total", "mended"), [(4, 7), (0, 7), (None, 7), (5, 7), (7, None), (8, None)])
def test_a_total_below_its_floor_is_mended(total: int | None, mended: int | None) -> None:
    to_ledger = [fact("t", "f", viewcounts={"k": 3}), fact("t", "t", viewcounts={"k": 4})]
    batches = merge([row("f", viewcount=3)], [row("t", viewcount=total)], [], to_ledger)
    written = [BatchWrites("c", "b", [RowWrite(row("t", viewcount=mended))], [])]
    assert batches == (written if mended else [])


def test_facts_without_the_row_that_was_to_follow_are_made_good() -> None:
    to_ledger = [fact("t", "f", viewcounts={"k": 3}), fact("t", "a", viewcounts={"k": 2})]
    (batch,) = merge([row("f", viewcount=3)], [], [], to_ledger)
    assert [write.columns() for write in batch.rows] == [row("t", viewcount=5)]
    assert batch.facts == []


def test_a_larger_count_of_the_to_account_stays() -> None:
    to_ledger = [fact("t", "f", viewcounts={"k": 9})]
    assert merge([row("f", viewcount=4)], [row("t", viewcount=10)], [], to_ledger) == []


@pytest.mark.parametrize("empty", [None, {}])
def test_a_map_of_a_fact_may_be_null(empty: Any) -> None:
    from_ledger = [fact("f", "a", completedcounts={"k": 1}) | {"viewcounts": empty}]
    to_ledger = [fact("t", "a", viewcounts={"k": 1}) | {"completedcounts": empty}]
    (batch,) = merge([row("f", completedcount=1)], [row("t", viewcount=1)], from_ledger, to_ledger)
    assert batch.facts == [new_fact("a", completedcounts={"k": 1})]


def test_facts_about_contents_that_the_from_account_has_no_row_of_are_ignored() -> None:
    assert merge([], [], [fact("f", "a", viewcounts={"k": 1})]) == []


def test_facts_are_kept_apart_by_course_batch() -> None:
    from_ledger = [fact("f", "a", viewcounts={"k": 4}) | {"batchid": "another"}]
    (batch,) = merge([row("f", viewcount=4)], [], from_ledger)
    assert [each["originid"] for each in batch.facts] == ["f"]


def _views(tables: MemoryTables) -> dict[str, int]:
    return {each["userid"]: each["viewcount"] for each in tables.export()[CONTENT_CONSUMPTION]}


def test_merging_both_ways_again_and_again_does_not_blow_up() -> None:
    tables = MemoryTables({CONTENT_CONSUMPTION: [row("a", viewcount=3), row("b", viewcount=4)]})
    tables.merge_all([merge_event("a", "b"), merge_event("b", "a")] * 3)
    assert _views(tables) == {"a": 7, "b": 7}


def test_views_between_two_merges_are_added_once() -> None:
    tables = MemoryTables({CONTENT_CONSUMPTION: [row("a", viewcount=3), row("b", viewcount=4)]})
    tables.merge(merge_event("a", "b"))
    tables.write(CONTENT_CONSUMPTION, row("a", viewcount=5))
    tables.write(CONTENT_CONSUMPTION, row("b", viewcount=8))  # 7 and a view of its own
    tables.merge_all([merge_event("a", "b")] * 2)
    assert _views(tables) == {"a": 5, "b": 10}


def test_late_history_follows() -> None:
    rows = [row("a", viewcount=1), row("b", viewcount=2), row("c", viewcount=4)]
    tables = MemoryTables({CONTENT_CONSUMPTION: rows})
    tables.merge_all([merge_event("b", "c"), merge_event("a", "b")])
    assert _views(tables) == {"a": 1, "b": 3, "c": 7}
