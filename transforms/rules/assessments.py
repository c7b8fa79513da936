"""The rules of assessment_aggregator, which has one row for each attempt at an assessment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from transforms.rules.rows import DifferingColumns, Pair, RowWrite, is_null
from transforms.rules.table_rules import TableRules

_LAST_ATTEMPTED, _SCORE = "last_attempted_on", "total_score"


def assessment_rules(course: str, batch: str) -> TableRules:
    """The key of the table; no column has a rule, since of two rows with one key one is kept whole.

    Args:
        course: the column of the primary key that names the course: course_id, or collection_id.
        batch: the one that names the batch: batch_id, or context_id.
    """
    return TableRules(account="user_id", key=(course, batch, "content_id", "attempt_id"), columns={})


def merge_assessments(to_account: str, pairs: Iterable[Pair], rules: TableRules) -> list[RowWrite]:
    """Merge the from account's attempts into the to account's (design.md, "The merge, table by table").

    An attempt that the to account does not have is copied. Of one that both have, the row with the later
    last_attempted_on is kept whole: a row says what one evaluation of the attempt gave, of which no part may be
    taken for another's.

    Args:
        to_account: the account that receives the attempts.
        pairs: the attempts of the from account, with the to account's.
        rules: those of the table.

    Returns:
        The rows to write, in the order of the pairs.
    """
    writes = []
    for pair in pairs:
        if pair.differences is None:
            writes.append(rules.write(to_account, pair, {}))
        elif _rank(pair.differences, 0) > _rank(pair.differences, 1):
            writes.append(rules.replace(to_account, pair))
    return writes


def _rank(differences: DifferingColumns, side: int) -> list[tuple[bool, Any]]:
    """What orders two rows of an attempt: its time, then its score, then the text of all, so that no two tie."""
    values = {column: both[side] for column, both in differences.items()}
    ordered = [values[column] for column in (_LAST_ATTEMPTED, _SCORE) if column in values]
    texts = [(not is_null(values[column]), str(values[column])) for column in sorted(values)]
    # A null comes first, and so does NaN, which has no order.
    return [(True, value) if value is not None and value == value else (False, 0) for value in ordered] + texts
