"""The command `forget`: deletes what the history of merges says of an account."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from pipeline.configuration.options import Page
from pipeline.operators.answers import exit_code, put_out
from pipeline.operators.history.command import needs_history
from pipeline.operators.merging import ask, open_merging
from pipeline.operators.options import account, read_options
from pipeline.printable import printable
from transforms.dofns.account_fn import Merging
from transforms.logs import apply
from transforms.rules.rows import Row
from transforms.store.ledger import LEDGER_TABLE, Ledger
from transforms.store.merge_history import HISTORY_TABLE, MergeHistory
from transforms.store.merge_log import MERGE_LOG_TABLE, MergeLog

_WHY_KEPT = (
    f"{MERGE_LOG_TABLE} and {LEDGER_TABLE} are kept: without them an event that comes again would count views "
    "again, and history that comes late would not follow. They say that accounts were merged, and how many views "
    "came with it, and nothing else of the learner."
)


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Forget")
    group.add_argument("--account", metavar="ID", type=account, required=True, help="the account")
    group.add_argument(
        "--apply", action="store_true", help="delete the rows, in place of saying how many they are"
    )


_PAGE = Page(
    "merge-user-courses forget",
    """\
Deletes the rows of user_merge_history that name an account: of merges into it, of it into others,
and of follow-ups that passed it. Without --apply it says what it would delete. The merge log and
the ledger of views are kept, since a merge that is repeated without them would count views again.""",
    """\
examples:
  see what is there:
    %(prog)s --config_file=job.conf --account=ID
  delete it:
    %(prog)s --config_file=job.conf --account=ID --apply""",
    _add_options,
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What is deleted, or would be.

    Attributes:
        account: the account.
        into_it: how many rows are of merges into it.
        elsewhere: how many rows of other accounts name it.
        logged: how many rows of the log are kept.
        facts: how many rows of the ledger are kept.
        is_applied: whether the rows are deleted.
    """

    account: str
    into_it: int
    elsewhere: int
    logged: int
    facts: int
    is_applied: bool

    def fields(self) -> Mapping[str, Any]:
        """It for JSON."""
        return {
            "account": self.account,
            "deleted": self.is_applied,
            HISTORY_TABLE: {"into_it": self.into_it, "elsewhere": self.elsewhere},
            "kept": {MERGE_LOG_TABLE: self.logged, LEDGER_TABLE: self.facts},
        }

    def tables(self) -> Iterable[RenderableType]:
        """It for a terminal."""
        does = "deleted" if self.is_applied else "would be deleted; nothing is yet, add --apply"
        yield Text(f"{HISTORY_TABLE} of {printable(self.account)}", "bold")
        yield Text(
            f"  {self.into_it:,} of merges into it, {self.elsewhere:,} of other accounts that name it: {does}."
        )
        yield Text(f"  kept: {self.logged:,} of {MERGE_LOG_TABLE}, {self.facts:,} of {LEDGER_TABLE}")
        yield Text(_WHY_KEPT)


def main(argv: Sequence[str]) -> int:
    """Forget; returns the process's exit code."""
    return exit_code(lambda: _forget(argv))


def _forget(argv: Sequence[str]) -> bool:
    options = read_options(_PAGE, argv, os.environ)
    apply(options.merge.log)
    needs_history(options)
    with open_merging(options) as merging:
        forgotten = ask(merging, lambda: forget(merging, options.given.account, delete=options.given.apply))
    put_out(forgotten, options.output)
    return True


async def forget(merging: Merging, account: str, *, delete: bool) -> Forgotten:
    """Find the rows of the history that name an account, and delete them if asked to.

    Raises:
        StoreError: if Cassandra fails.
    """
    history = await merging.store.table(MergeHistory)
    log, ledger = await merging.store.table(MergeLog), await merging.store.table(Ledger)
    into_it = await history.into(account)
    elsewhere: list[Row] = []
    # Follow-ups that passed the account are in the accounts that it reached by the log.
    waiting, seen = [account], {account}
    while waiting:
        others = {row["intoid"] for row in await log.rows(waiting.pop())} - seen
        for other in others:
            rows = await history.into(other)
            elsewhere += [row for row in rows if account == row["fromid"] or account in (row["path"] or ())]
        waiting += others
        seen |= others
    if delete:
        await history.delete([*into_it, *elsewhere])
    logged, facts = len(await log.rows(account)), len(await ledger.of_account(account))
    return Forgotten(account, len(into_it), len(elsewhere), logged, facts, is_applied=delete)
