"""The counts of one content, by design.md's steps, and that what is done for most contents comes to the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.rules.view_counts import MAX_INT, known, merge_counts, merged, new_total, vector

_COUNTS = st.sampled_from([0, 1, 2, 3, 7, MAX_INT - 1, MAX_INT])
_BY_ORIGIN = st.dictionaries(st.sampled_from("ftab"), _COUNTS.filter(bool), max_size=4)


def test_of_several_facts_of_an_origin_the_largest_count_of_each_content_holds() -> None:
    facts = [
        {"originid": "a", "viewcounts": {"k": 1, "l": 5}},
        {"originid": "a", "viewcounts": {"k": 3}, "completedcounts": {"k": 9}},
        {"originid": "b", "viewcounts": None, "completedcounts": {"k": 1}},
        {"originid": "a", "viewcounts": {"k": 2, "l": 4}},
    ]
    assert known(facts, "viewcount") == {"k": {"a": 3}, "l": {"a": 5}}
    assert known(facts, "completedcount") == {"k": {"a": 9, "b": 1}}


def test_what_an_account_did_not_receive_it_counted_itself_and_never_less_than_was_recorded() -> None:
    assert vector("t", 10, {}) == {"t": 10}
    assert vector("t", 10, {"a": 4, "b": 1}) == {"a": 4, "b": 1, "t": 5}
    assert vector("t", 10, {"a": 4, "t": 7}) == {"a": 4, "t": 7}
    assert vector("t", 3, {"a": 4}) == {"a": 4, "t": 0}


def test_each_origin_has_the_larger_count_but_for_the_to_account_itself() -> None:
    assert merged("t", {"a": 4, "b": 1, "f": 2, "t": 9}, {"a": 3, "b": 2, "t": 5}) == {
        "a": 4,
        "b": 2,
        "f": 2,
        "t": 5,
    }


def test_the_total_rises_by_what_is_raised_and_not_below_its_floor() -> None:
    assert new_total(7, {"t": 4, "f": 3}, {"t": 4, "f": 3}) == 7
    assert new_total(7, {"t": 4, "f": 3}, {"t": 4, "f": 5}) == 9
    assert new_total(4, {"t": 4, "f": 3}, {"t": 4, "f": 3}) == 7
    assert new_total(4, {"t": 4, "f": 3}, {"t": 4, "f": 5}) == 9
    assert new_total(MAX_INT - 1, {"t": MAX_INT - 1}, {"t": MAX_INT - 1, "f": 5}) == MAX_INT


@given(_COUNTS, _COUNTS, _BY_ORIGIN, _BY_ORIGIN)
def test_a_content_is_merged_by_the_steps_of_the_design(
    from_total: int, to_total: int, given: dict[str, int], received: dict[str, int]
) -> None:
    old = vector("t", to_total, received)
    new = merged("t", vector("f", from_total, given), old)

    ledgers = ({"k": by_origin} if by_origin else {} for by_origin in (given, received))
    totals, raised = merge_counts("f", "t", [("k", from_total, to_total)], *ledgers)

    assert totals == [new_total(to_total, old, new)]
    rose = (
        {origin: count for origin, count in new.items() if count > received.get(origin, 0)} if new != old else {}
    )
    assert raised == {origin: {"k": count} for origin, count in rose.items()}


@given(_COUNTS, _COUNTS, _BY_ORIGIN, _BY_ORIGIN)
def test_a_merge_repeated_with_what_it_recorded_changes_nothing(
    from_total: int, to_total: int, given: dict[str, int], received: dict[str, int]
) -> None:
    (total,), raised = merge_counts("f", "t", [("k", from_total, to_total)], {"k": given}, {"k": received})
    recorded = received | {origin: by_content["k"] for origin, by_content in raised.items()}

    again = merge_counts("f", "t", [("k", from_total, total)], {"k": given}, {"k": recorded})

    assert again == ([total], {})
    # Nor does it where the total was taken back to what it was: it is mended.
    assert merge_counts("f", "t", [("k", from_total, 0)], {"k": given}, {"k": recorded})[1] == {}
