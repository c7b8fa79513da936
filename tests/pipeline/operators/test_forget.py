"""The command `forget`, on a real Cassandra."""

from __future__ import annotations

from typing import Any

import pytest
from hamcrest import assert_that, contains_inanyorder, contains_string, has_entries, has_length

from faults.keyspaces import Keyspace, MakeKeyspace
from faults.memory_tables import LEDGER, MERGE_LOG
from tests.pipeline.operators.history.test_history import ended, logged
from tests.support.commands import Operator
from transforms.store.merge_history import HISTORY_TABLE


@pytest.fixture
def keyspace(make_keyspace: MakeKeyspace) -> Keyspace:
    """x → a → b → c, whose follow-up passed a; and a → c, y → b, which are nobody's concern."""
    made = make_keyspace()
    fact = {"userid": "a", "courseid": "k", "batchid": "k-b", "originid": "x", "fact": "f", "viewcounts": {"x": 1}}
    passed = ended("b", "c", minute=2, path=["a", "b"])
    history = [ended(*pair) for pair in ("xa", "ab", "yb", "bc", "zc")] + [passed]
    made.insert(
        {MERGE_LOG: [logged(*pair) for pair in ("xa", "ab", "yb", "bc")], LEDGER: [fact], HISTORY_TABLE: history}
    )
    return made


def test_what_names_the_account_is_deleted_if_asked_to_and_nothing_else(
    keyspace: Keyspace, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(keyspace, capsys)

    told = operator.run("forget", "--account=a")
    assert told.exit_code == 0
    assert (
        told.output
        == """\
user_merge_history of a
  1 of merges into it, 2 of other accounts that name it: would be deleted;
nothing is yet, add --apply.
  kept: 1 of user_merge_log, 1 of user_content_merge_facts
user_merge_log and user_content_merge_facts are kept: without them an event that
comes again would count views again, and history that comes late would not
follow. They say that accounts were merged, and how many views came with it, and
nothing else of the learner.
"""
    )
    assert_that(keyspace.rows(HISTORY_TABLE), has_length(6))

    assert_that(operator.run("forget", "--account=a", "--apply").output, contains_string("name it: deleted."))
    left: list[dict[str, Any]] = keyspace.rows(HISTORY_TABLE)
    pairs = [has_entries(fromid=from_, userid=to, path=None) for from_, to in ("yb", "bc", "zc")]
    assert_that([{**row, "path": row["path"] or None} for row in left], contains_inanyorder(*pairs))
    assert_that((*keyspace.rows(MERGE_LOG), *keyspace.rows(LEDGER)), has_length(5))
    assert_that(operator.run("forget", "--account=a", "--format=json").json, has_entries(deleted=False))
