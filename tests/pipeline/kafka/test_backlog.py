"""How many records a pass may read, so that whichever they are it does not take more bytes than it should."""

from itertools import product

from hamcrest import assert_that, equal_to, less_than_or_equal_to
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kafka.backlog import records_within

SIZES = st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=3)


def most_bytes_of(sizes: list[list[int]], records: int) -> int:
    """The most that any read of so many records has: some of each partition, in order."""
    return max(
        (
            sum(sum(partition[:taken]) for partition, taken in zip(sizes, shares, strict=True))
            for shares in product(*(range(len(partition) + 1) for partition in sizes))
            if sum(shares) == records
        ),
        default=0,
    )


@given(SIZES, st.integers(0, 12), st.integers(0, 30))
def test_whichever_records_are_read_they_have_no_more_bytes_unless_it_is_one(
    sizes: list[list[int]], most_records: int, most_bytes: int
) -> None:
    records = records_within(sizes, most_records, most_bytes)

    there = min(most_records, sum(map(len, sizes)))
    assert_that(records, less_than_or_equal_to(there))
    if records <= 1:
        assert_that(records, equal_to(min(1, there)))
    else:
        assert_that(most_bytes_of(sizes, records), less_than_or_equal_to(most_bytes))


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(0, 30))
def test_of_one_partition_as_many_are_read_as_fit(sizes: list[int], most_bytes: int) -> None:
    records = records_within([sizes], len(sizes), most_bytes)

    if records < len(sizes):
        assert sum(sizes[: records + 1]) > most_bytes


def test_a_large_record_counts_from_where_it_might_be_read() -> None:
    assert records_within([[1] * 100, [1] * 50 + [1_000] + [1] * 49], 200, 500) == 50
