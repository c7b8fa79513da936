"""Many examples of a history in one keyspace, each of accounts that no other has."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, settings

from faults.keyspaces import Keyspace
from faults.memory_tables import Rows
from tests.support.histories import ACCOUNTS


def of_example(rows: Rows, example: str) -> Rows:
    """The rows as of the example's accounts; `question` is of a type that no text is of."""
    accounts = {account: f"{example}{account}" for account in ACCOUNTS}
    return {
        table: [
            {
                column: accounts[value] if column in ("userid", "user_id") else value
                for column, value in row.items()
                if column != "question"
            }
            for row in table_rows
        ]
        for table, table_rows in rows.items()
    }


def rows_of(keyspace: Keyspace, example: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of the accounts whose ids begin like this, by table."""
    return {
        table: [row for row in rows if row.get("userid", row.get("user_id")).startswith(example)]
        for table, rows in keyspace.all_rows().items()
    }


def few(examples: int) -> settings:
    """Settings of a property that merges on Cassandra.

    What fails there is to be looked at in memory, where thousands of histories run; shrinking would take hours.
    """
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    return settings(max_examples=examples, deadline=None, print_blob=True, phases=phases)
