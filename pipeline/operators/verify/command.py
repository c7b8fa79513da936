"""The command `verify`."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import Progress

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.options import Page
from pipeline.configuration.variables import KafkaSettings
from pipeline.operators.answers import exit_code, put_out
from pipeline.operators.merges import Merge
from pipeline.operators.merging import open_merging
from pipeline.operators.options import OperatorOptions, account, read_options
from pipeline.operators.verify.repair import publish_again
from pipeline.operators.verify.text import VerdictAnswer
from pipeline.operators.verify.topic import TopicEvents, failed_positions, open_input_topic
from pipeline.operators.verify.verifying import Verdict, Verifier
from pipeline.replay.options import moment
from transforms.logs import apply

_MERGED_WITHIN_S = 120.0
"""How long the job may take for what is published again."""

_PAUSE_S = 1.0

_NOT_ASKED_FOR = (
    "Nothing is repaired: neither the log nor the history knows of this merge. "
    "Make sure which of the two accounts the learner keeps, and publish the merge event if it is to be merged."
)


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Verify")
    group.add_argument("--from", dest="from_", metavar="ID", type=account, help="the account that was merged")
    group.add_argument("--to", metavar="ID", type=account, help="the account that it was merged into")
    group.add_argument("--account", metavar="ID", type=account, help="an account: all its merges, both ways")
    group.add_argument("--topic", action="store_true", help="all that the events of the input topic ask for")
    help_text = "with --topic: only events published since (90s, 30m, 2h, 7d, 2026-01-31T22:00:00Z)"
    group.add_argument("--since", metavar="TIME", help=help_text)
    group.add_argument(
        "--repair", action="store_true", help="publish the merges that are not right again, wait, and verify again"
    )


_PAGE = Page(
    "merge-user-courses verify",
    """\
Judges merges after the fact: that merging again would write nothing, that no count is below what the
ledger knows, that readers see of aggregates what they saw of both accounts, that each merge in the
log has an outcome; of a topic, that every event is merged, failed or waiting. It writes nothing, but
for --repair, which publishes merge events for the job to merge again.""",
    """\
examples:
  one merge, or all merges of an account:
    %(prog)s --config_file=job.conf --from=OLD --to=NEW
    %(prog)s --config_file=job.conf --account=ID
  all that the input topic has asked for since yesterday, mending what is not right:
    %(prog)s --config_file=job.conf --topic --since=1d --repair""",
    _add_options,
)


def main(argv: Sequence[str]) -> int:
    """Verify; returns the process's exit code, 1 where something is not as it should be."""
    return exit_code(lambda: _verify(argv))


def _verify(argv: Sequence[str]) -> bool:
    options = read_options(_PAGE, argv, os.environ, kafka=True)
    apply(options.merge.log)
    since = _check(options)
    given, kafka = options.given, options.kafka
    assert kafka is not None  # noqa: S101 - it was asked for
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with (
        open_merging(options) as merging,
        Progress(console=errors, disable=not errors.is_terminal, transient=True) as progress,
    ):
        verifier = Verifier(merging, options.merge, progress)
        if given.topic:
            verdict = verifier.of_topic(_read_topic(kafka, since, progress))
        elif given.account:
            verdict = verifier.of_account(given.account)
        else:
            verdict = verifier.of_pair(given.from_, given.to)
        if given.repair and (broken := verdict.to_repair()):
            if given.topic or all(merge.is_known for merge in broken):
                verdict = _repaired(verifier, kafka, verdict, broken, errors)
            else:
                errors.print(_NOT_ASKED_FOR, style="red")
    put_out(VerdictAnswer(verdict), options.output)
    return not verdict.findings


def _check(options: OperatorOptions) -> datetime | None:
    """What --since says; raises ConfigError where what is asked for is not clear."""
    given = options.given
    asked = [bool(given.from_ or given.to), bool(given.account), given.topic]
    if sum(asked) != 1 or bool(given.from_) != bool(given.to):
        msg = "Give --from and --to, or --account, or --topic: what to verify."
        raise ConfigError(msg)
    if given.from_ and given.from_ == given.to:
        msg = "--from and --to are the same account: give the two that have become one."
        raise ConfigError(msg)
    if not options.merge.merge_ledger:
        msg = "merge.ledger is off: without the ledger and the log nothing can be verified."
        raise ConfigError(msg)
    if given.repair and not options.merge.keeps_history:
        msg = "--repair needs the history, which tells when something is merged: history.ttl.days is 0."
        raise ConfigError(msg)
    if given.since is None:
        return None
    if not given.topic:
        msg = "--since is for --topic only: leave it out."
        raise ConfigError(msg)
    try:
        return moment(given.since, datetime.now(UTC))
    except ValueError as e:
        msg = f"--since is {given.since!r}: {e}."
        raise ConfigError(msg) from e


def _read_topic(kafka: KafkaSettings, since: datetime | None, progress: Progress) -> TopicEvents:
    events = TopicEvents()
    with open_input_topic(kafka, since) as topic:
        # Only now: what had failed before the topic's offsets were read is there.
        failed = failed_positions(kafka, since)
        task = progress.add_task(f"Reading {kafka.input_topic}", total=topic.size)
        for record, is_waiting in topic.records():
            events.add(record, failed, is_waiting=is_waiting)
            progress.advance(task)
    return events


def _repaired(
    verifier: Verifier, kafka: KafkaSettings, verdict: Verdict, broken: Sequence[Merge], errors: Console
) -> Verdict:
    """Publish merges again, wait until they have ended, and judge once more."""
    placed = publish_again(kafka, broken)
    verdict.repaired = len(placed)
    deadline = time.monotonic() + _MERGED_WITHIN_S
    while not verifier.have_ended(placed):
        if time.monotonic() > deadline:
            waited = f"What was published again is not merged within {_MERGED_WITHIN_S:g} s"
            errors.print(f"{waited}: see that the job runs, and verify again when it has.", style="red")
            return verdict
        time.sleep(_PAUSE_S)
    # Of an event that names no accounts there is nothing to publish.
    kept = [finding for finding in verdict.findings if not finding.account]
    verdict.findings = [*kept, *verifier.judge(broken).findings]
    return verdict
