"""What the platform makes of the merged attempts at an assessment: the learner's next one, for the demo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table

from local.demo_data import NEXT_ATTEMPT, ROWS

Attempt = Mapping[str, Any]


def next_quiz_table(learner: str, attempts: Iterable[Attempt]) -> Table:
    """The score after a poor next attempt, as the platform computes it, without the merged attempts and with them.

    Args:
        learner: the name.
        attempts: the rows of assessment_aggregator that the primary account has after the merge.
    """
    account = NEXT_ATTEMPT["user_id"]
    own = [row for row in ROWS["assessment_aggregator"] if row["user_id"] == account]
    title = f"\n{learner}'s next quiz, {NEXT_ATTEMPT['grand_total']}: the platform computes from all attempts"
    table = Table("attempts", "known", "score", "attempts_count", title=title, title_justify="left")
    for name, known in (("of the primary account alone", own), ("merged", list(attempts))):
        score, count = recomputed([*known, NEXT_ATTEMPT])
        ids = ", ".join(row["attempt_id"] for row in [*known, NEXT_ATTEMPT])
        table.add_row(name, ids, f"{score:g}", str(count))
    return table


def recomputed(attempts: Sequence[Attempt]) -> tuple[float, int]:
    """The best score and the number of attempts of one content, as the platform's assessment job has them."""
    return max(row["total_score"] for row in attempts), len(attempts)
