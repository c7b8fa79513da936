"""The command `history`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.options import Page
from pipeline.operators.answers import exit_code, put_out
from pipeline.operators.history.chains import read_history
from pipeline.operators.history.text import HistoryAnswer
from pipeline.operators.merging import ask, open_merging
from pipeline.operators.options import OperatorOptions, account, read_options
from transforms.logs import apply

_DEPTH = 5


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("History")
    group.add_argument("--account", metavar="ID", type=account, required=True, help="the account")
    help_text = f"how many merges a chain has at most (default: {_DEPTH}); 1: those of the account alone"
    group.add_argument("--depth", metavar="N", type=_depth, default=_DEPTH, help=help_text)


_PAGE = Page(
    "merge-user-courses history",
    """\
Shows the merges of an account, both ways and as chains: who was merged into it, into whom it was
merged, and whom these were merged into; of each event when, why, how many rows and what became of
it. As JSON it is what a learner who asks for their data is given.""",
    """\
examples:
  on a terminal:
    %(prog)s --config_file=job.conf --account=ID
  all that is known, for a learner:
    %(prog)s --config_file=job.conf --account=ID --format=json --output=merges.json""",
    _add_options,
)


def main(argv: Sequence[str]) -> int:
    """Show it; returns the process's exit code, 1 where no merge is known."""
    return exit_code(lambda: _history(argv))


def needs_history(options: OperatorOptions) -> None:
    """Raise ConfigError where the job keeps no history."""
    if not options.merge.keeps_history:
        msg = (
            "There is no history where merge.ledger is off or history.ttl.days is 0: give the job's configuration."
        )
        raise ConfigError(msg)


def _history(argv: Sequence[str]) -> bool:
    options = read_options(_PAGE, argv, os.environ)
    apply(options.merge.log)
    needs_history(options)
    with open_merging(options) as merging:
        history = ask(merging, lambda: read_history(merging, options.given.account, options.given.depth))
    put_out(HistoryAnswer(history), options.output)
    return bool(history.into_it or history.out_of_it)


def _depth(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        msg = "give a number of merges from 1 to 100"
        raise argparse.ArgumentTypeError(msg)
    return int(text)
