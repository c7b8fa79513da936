"""The command `preview`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import partial

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.options import Page
from pipeline.operators.answers import exit_code, put_out
from pipeline.operators.merging import ask, open_merging
from pipeline.operators.options import account, read_options
from pipeline.operators.preview.page import preview_page
from pipeline.operators.preview.planning import plan_merge
from pipeline.operators.preview.text import PreviewAnswer
from transforms.logs import apply


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Preview")
    group.add_argument(
        "--from", dest="from_", metavar="ID", type=account, required=True, help="the account that would be merged"
    )
    group.add_argument("--to", metavar="ID", type=account, required=True, help="the account that would receive it")
    group.add_argument("--course", metavar="ID", help="tell of this course only")
    group.add_argument("--full", action="store_true", help="show the columns that stay as they are too")


_PAGE = Page(
    "merge-user-courses preview",
    """\
Shows what merging one account into another would do, and writes nothing: both accounts side by
side, so that a wrong direction shows; then, by course, each row that would be copied (+) or
changed (~), with the old and the new value; the sync requests and the follow-ups. It reads by the
job's own plans, so it should get the job's configuration.""",
    """\
examples:
  on a terminal:
    %(prog)s --config_file=job.conf --from=OLD --to=NEW
  one course, with the columns that stay as they are:
    %(prog)s --config_file=job.conf --from=OLD --to=NEW --course=do_123 --full
  as a page, to look at in a browser or to print:
    %(prog)s --config_file=job.conf --from=OLD --to=NEW --format=html --output=preview.html""",
    _add_options,
)


def main(argv: Sequence[str]) -> int:
    """Preview; returns the process's exit code (pipeline.operators.answers.exit_code)."""
    return exit_code(lambda: _preview(argv))


def _preview(argv: Sequence[str]) -> bool:
    options = read_options(_PAGE, argv, os.environ, formats=("table", "json", "html"))
    apply(options.merge.log)
    from_account, to_account, course = options.given.from_, options.given.to, options.given.course
    if from_account == to_account:
        msg = "--from and --to are the same account: give the two that are to become one."
        raise ConfigError(msg)
    with open_merging(options) as merging:
        keeps_history = options.merge.keeps_history
        plan = partial(plan_merge, merging, from_account, to_account, course, keeps_history=keeps_history)
        preview = ask(merging, plan)
    full = options.given.full
    put_out(PreviewAnswer(preview, full), options.output, {"html": lambda: preview_page(preview, full=full)})
    return True
