"""A preview is what the pipeline then does, row by row: generated histories on a real Cassandra."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from itertools import count
from typing import Any

from hamcrest import assert_that, contains_inanyorder, empty, equal_to
from hypothesis import given
from hypothesis import strategies as st

from faults.comparable_rows import TIMES_OF_MERGING
from faults.keyspaces import Keyspace
from faults.memory_tables import KEYS, MERGE_LOG, Rows
from pipeline.operators.merging import ask
from pipeline.operators.preview.planning import plan_merge
from pipeline.operators.preview.preview import Preview
from tests.support.examples import few, of_example, rows_of
from tests.support.histories import TABLES, events
from tests.support.merger import Merger
from transforms.elements import MergeEvent
from transforms.rules.changes import Change
from transforms.rules.rows import Row, is_null
from transforms.store.event_loop import wait_for

_examples = count()


@few(12)
@given(TABLES, events(max_size=3), st.sampled_from(["ab", "ac", "ca"]))
def test_a_preview_is_what_is_then_written_asked_for_and_followed_up(
    keyspace: Keyspace, merger: Merger, rows: Rows, before: list[MergeEvent], pair: str
) -> None:
    example = f"{next(_examples)}-"
    keyspace.insert(of_example(rows, example))
    for event in before:
        wait_for(merger.merge(_of(event, example)))
    event = _of(dataclasses.replace(before[0], from_account=pair[0], to_account=pair[1], mid="the event"), example)
    there = _read(keyspace, event.to_account)
    preview = _preview(merger, event)
    assert_that(_read(keyspace, event.to_account), equal_to(there), "nothing is written")

    follow_ups = wait_for(merger.merge(event))

    assert_that(_changed(there, preview.changes), equal_to(_read(keyspace, event.to_account)))
    assert_that(preview.requests, contains_inanyorder(*merger.requests[event]))
    # Back to the from account may go what the merge itself derives, which nobody has before.
    onwards = {one.to_account for one in follow_ups} - {event.from_account}
    assert_that({*preview.follow_ups} - {event.from_account}, equal_to(onwards))
    assert_that(_preview(merger, event).changes, empty())


def _of(event: MergeEvent, example: str) -> MergeEvent:
    from_account, to_account = f"{example}{event.from_account}", f"{example}{event.to_account}"
    return dataclasses.replace(event, from_account=from_account, to_account=to_account)


def _preview(merger: Merger, event: MergeEvent) -> Preview:
    accounts = event.from_account, event.to_account
    return ask(merger.merging, lambda: plan_merge(merger.merging, *accounts))


def _changed(rows: dict[str, dict[Any, Row]], changes: Iterable[Change]) -> dict[str, dict[Any, Row]]:
    """The rows with changes, each of which must say rightly what is there."""
    result = {table: dict(by_key) for table, by_key in rows.items()}
    for change in changes:
        key = tuple(change.key[column] for column in KEYS[change.table])
        old = {column: value for column, (value, _) in change.columns.items()}
        there = result[change.table].get(key)
        assert_that(_plain(dict(change.key) | change.unchanged | old), equal_to(there or change.key))
        assert_that(change.copied, equal_to(there is None))
        assert_that(change.copied or change.columns)
        new = {column: value for column, (_, value) in change.columns.items()}
        result[change.table][key] = _plain(dict(change.key) | change.unchanged | new)
    return result


def _read(keyspace: Keyspace, account: str) -> dict[str, dict[Any, Row]]:
    """An account's rows by table and key, but for the log."""
    return {
        table: {tuple(row[column] for column in KEYS[table]): _plain(row) for row in rows}
        for table, rows in rows_of(keyspace, account).items()
        if table != MERGE_LOG
    }


def _plain(row: Row) -> Row:
    """A row as it is compared: without nulls and what only the event says, its times without their zone."""
    left_out = TIMES_OF_MERGING | ({"mid"} if "originid" in row else set())
    return {
        column: value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value
        for column, value in row.items()
        if not is_null(value) and column not in left_out
    }
