"""The cases of the reference job, on the rules alone."""

from datetime import datetime
from typing import Any

import pytest

from faults.comparable_rows import comparable
from faults.memory_tables import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS, MemoryTables, merge_event
from tests.reference_cases import DIFFERENT, SAME, ReferenceCase, reference_case
from transforms.elements import MergeEvent

NOW = datetime(2026, 1, 1)  # noqa: DTZ001 - as the driver returns it


def _event(value: dict[str, Any]) -> MergeEvent:
    return merge_event(value["edata"]["fromAccountId"], value["edata"]["toAccountId"], mid=value["mid"])


def _merged(case: ReferenceCase) -> MemoryTables:
    tables = MemoryTables(case.before, clock=lambda: NOW)
    tables.merge_all(_event(value) for value in case.events)
    return tables


def _row(tables: MemoryTables, table: str) -> dict[str, Any]:
    """The to account's one row."""
    (row,) = [row for row in tables.export()[table] if "t" in (row.get("userid"), row.get("user_id"))]
    return row


@pytest.mark.parametrize("name", SAME)
def test_a_first_merge_leaves_the_values_that_the_reference_leaves(name: str) -> None:
    case = reference_case(name)
    after = comparable(_merged(case).export())
    expected = comparable(case.after)
    for table in (CONTENT_CONSUMPTION, ENROLMENTS, ACTIVITY_AGG):
        assert after[table] == expected[table]


@pytest.mark.parametrize("name", SAME)
def test_aggregates_that_the_reference_changes_are_updated_now(name: str) -> None:
    case = reference_case(name)
    if name == "from_empty":
        return  # nothing is merged, here as there
    before, after = comparable(case.before, ignore=()), comparable(_merged(case).export(), ignore=())
    for key, row in after[ACTIVITY_AGG].items():
        old = before[ACTIVITY_AGG].get(key, {})
        changed = row.get("aggregates") != old.get("aggregates")
        assert (row.get("agg_last_updated", {}).get("completedCount") == NOW) == changed


@pytest.mark.parametrize("name", SAME + DIFFERENT)
def test_there_is_a_sync_request_for_the_enrolments_that_the_reference_asks_for(name: str) -> None:
    case = reference_case(name)
    to_account = _event(case.events[-1]).to_account
    requested = {(r["edata"]["courseId"], r["edata"]["batchId"]) for r in case.sync_requests[-1]}
    enrolments = _merged(case).read(ENROLMENTS, to_account)
    assert {(row["courseid"], row["batchid"]) for row in enrolments} == requested


def test_agg_other_keys_keeps_the_primarys_scores_and_attempts() -> None:
    row = _row(_merged(reference_case("agg_other_keys")), ACTIVITY_AGG)
    assert row["aggregates"] == {
        "attemptsCount:do_1": 2.0,
        "completedCount": 7.0,
        "max_score:do_1": 10.0,
        "score:do_1": 9.0,
    }
    assert row["agg"] == {"completedCount": 7}
    assert row["agg_details"] == ['{"a":"to"}', '{"a":"from"}']
    may = datetime(2022, 5, 1, 10)  # noqa: DTZ001
    assert row["agg_last_updated"] == {"attemptsCount:do_1": NOW, "completedCount": may, "score:do_1": may}


def test_enrol_same_batch_both_keeps_the_certificate_and_the_progress() -> None:
    case = reference_case("enrol_same_batch_both")
    from_row = next(row for row in case.before[ENROLMENTS] if row["userid"] == "f")
    # The to account has nothing that is better, so that all comes from the other.
    assert _row(_merged(case), ENROLMENTS) == from_row | {"userid": "t"}


def test_same_event_twice_counts_each_view_once() -> None:
    tables = _merged(reference_case("same_event_twice"))
    counts = {
        row["contentid"]: (row["viewcount"], row.get("completedcount"))
        for row in tables.read(CONTENT_CONSUMPTION, "t")
    }
    assert counts == {"do_1": (7, 2), "do_2": (5, None)}
    assert _row(tables, ACTIVITY_AGG)["aggregates"] == {"completedCount": 8.0}
