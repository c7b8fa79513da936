"""The command `history`, on a real Cassandra."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hamcrest import all_of, assert_that, contains_exactly, contains_string, equal_to, has_entries, is_not

from faults.keyspaces import Keyspace, MakeKeyspace
from faults.memory_tables import LEDGER, MERGE_LOG
from tests.support.commands import Operator
from transforms.store.merge_history import HISTORY_TABLE

T = datetime.fromisoformat("2026-03-01T10:00:00")
LONG = "5f2c6b0e-9d1a-4b7e-8c55-0d6f3a1b2c3d"


def ended(from_: str, to: str, minute: int = 1, **columns: Any) -> dict[str, Any]:
    time = T + timedelta(minutes=minute)
    row = {"userid": to, "fromid": from_, "ended_on": time, "started_on": time - timedelta(seconds=2)}
    row |= {"mid": f"LP.{from_}-{to}", "outcome": "merged", "cause": "event", "path": [], "source": "t-0-1"}
    row |= {"rows_read": {"user_enrolments": 3}, "rows_written": {"user_enrolments": 1}}
    return row | {"requests": 2, "followups": 0, "version": "1.0.0"} | columns


def logged(from_: str, to: str, minute: int = 0) -> dict[str, Any]:
    merged_on = T + timedelta(minutes=minute)
    return {"userid": from_, "intoid": to, "mid": f"LP.{from_}-{to}", "merged_on": merged_on}


@pytest.fixture(scope="module")
def keyspace(make_keyspace: MakeKeyspace) -> Keyspace:
    """a → b → c → a; a → d, interrupted; w → a, of which views tell alone; views of e, by way of w."""
    made = make_keyspace()
    fact = {"userid": "a", "courseid": "k", "batchid": "k-b", "viewcounts": {"x": 1}}
    logs = [logged(*pair) for pair in ("wa", "ab", "bc", "ca", "ew")] + [logged("a", "d", minute=9)]
    history = [
        ended("a", "b", outcome="failed", rows_written={}, requests=0),
        ended("a", "b", minute=2, cause="replay", followups=1),
        ended("b", "c", minute=3, cause="follow-up", path=["a", "b"]),
        ended("c", "a", minute=4, outcome="unchanged", rows_written={}),
        ended("a", "d", minute=5),
        ended(f"{LONG}\x1b[2J", LONG, mid="[bold]"),
    ]
    facts = [{**fact, "originid": origin, "fact": origin} for origin in "awe"]
    made.insert({MERGE_LOG: logs, HISTORY_TABLE: history, LEDGER: facts})
    return made


@pytest.fixture
def operator(keyspace: Keyspace, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(keyspace, capsys)


def test_merges_both_ways_are_a_tree_of_80_columns(operator: Operator) -> None:
    told = operator.run("history", "--account=a")

    assert told.exit_code == 0
    assert (
        told.output
        == """\
a
├── merged into it
│   ├── ← c  unchanged
│   │   ├── 2026-03-01 10:04:00Z unchanged in 2.0 s
│   │   │   mid LP.c-a
│   │   │   rows written: none
│   │   │   sync requests 2, follow-ups 0
│   │   └── ← b  merged
│   │       ├── 2026-03-01 10:03:00Z merged by a follow-up in 2.0 s
│   │       │   mid LP.b-c
│   │       │   path a → b
│   │       │   rows written: user_enrolments 1
│   │       │   sync requests 2, follow-ups 0
│   │       └── ← a  merged
│   │           ├── 2026-03-01 10:02:00Z merged by a replay in 2.0 s
│   │           │   mid LP.a-b
│   │           │   rows written: user_enrolments 1
│   │           │   sync requests 2, follow-ups 1
│   │           ├── 2026-03-01 10:01:00Z failed in 2.0 s
│   │           │   mid LP.a-b
│   │           │   rows written: none
│   │           │   sync requests 0, follow-ups 0
│   │           └── …
│   └── ← w  began
│       └── 2026-03-01 10:00:00Z began, LP.w-a
│           no outcome is known: it is under way, was interrupted, or is older
│           than the history
└── merged into others
    ├── → b  merged
    │   ├── 2026-03-01 10:02:00Z merged by a replay in 2.0 s
    │   │   mid LP.a-b
    │   │   rows written: user_enrolments 1
    │   │   sync requests 2, follow-ups 1
    │   ├── 2026-03-01 10:01:00Z failed in 2.0 s
    │   │   mid LP.a-b
    │   │   rows written: none
    │   │   sync requests 0, follow-ups 0
    │   └── → c  merged
    │       ├── 2026-03-01 10:03:00Z merged by a follow-up in 2.0 s
    │       │   mid LP.b-c
    │       │   path a → b
    │       │   rows written: user_enrolments 1
    │       │   sync requests 2, follow-ups 0
    │       └── → a  unchanged
    │           ├── 2026-03-01 10:04:00Z unchanged in 2.0 s
    │           │   mid LP.c-a
    │           │   rows written: none
    │           │   sync requests 2, follow-ups 0
    │           └── …
    └── → d  began
        ├── 2026-03-01 10:09:00Z began, LP.a-d
        │   no outcome is known: it is under way, was interrupted, or is older
        │   than the history
        └── 2026-03-01 10:05:00Z merged in 2.0 s
            mid LP.a-d
            rows written: user_enrolments 1
            sync requests 2, follow-ups 0
"""
    )


def test_a_depth_of_1_is_the_account_alone(operator: Operator) -> None:
    told = operator.run("history", "--account=a", "--depth=1")

    assert_that(told.output, all_of(contains_string("→ b  merged"), is_not(contains_string("→ c"))))
    assert_that(told.output.count("…"), equal_to(2))


def test_json_has_all_that_is_known(operator: Operator) -> None:
    told = operator.run("history", "--account=a", "--format=json")

    assert_that(told.json, has_entries(format_version=1, account="a"))
    b, d = told.json["merged_into_others"]
    assert_that(
        b, has_entries(from_account="a", into_account="b", outcome="merged", began="2026-03-01T10:00:00.000Z")
    )
    assert_that(
        b["events"][0], has_entries(mid="LP.a-b", cause="replay", source="t-0-1", version="1.0.0", path=[])
    )
    assert_that(b["events"][0], has_entries(rows_read={"user_enrolments": 3}, ended_on="2026-03-01T10:02:00.000Z"))
    assert_that(b["further"], contains_exactly(has_entries(into_account="c", cut=False)))
    assert_that(d, has_entries(outcome="began", further=[], cut=False))


def test_an_account_without_a_merge_is_a_no(operator: Operator) -> None:
    told = operator.run("history", "--account=nobody")

    assert_that((told.exit_code, told.output), equal_to((1, "nobody\n└── no merge is known\n")))


def test_ids_and_mids_are_shown_as_they_are_and_move_no_cursor(operator: Operator) -> None:
    told = operator.run("history", f"--account={LONG}")

    assert_that(told.output, all_of(contains_string("mid [bold]"), contains_string(f"{LONG}\\x1b[2J")))
    assert_that(told.output, is_not(contains_string("\x1b")))


def test_what_cannot_be_answered_is_refused(operator: Operator) -> None:
    assert_that(operator.run("history", "--account=a", "--depth=0").errors, contains_string("from 1 to 100"))
    told = operator.run("history", "--account=a", "--history_ttl_days=0")
    assert_that((told.exit_code, told.errors), equal_to((2, told.errors)))
    assert_that(told.errors, contains_string("There is no history where merge.ledger is off"))
