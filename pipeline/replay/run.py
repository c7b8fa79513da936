"""A replay from beginning to end: read, choose, publish, report."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack

from kafka.errors import KafkaError
from rich.console import Console

from pipeline.kafka.reading import TopicRecords
from pipeline.replay.failed_topic import open_failed_topic
from pipeline.replay.options import ReplayOptions
from pipeline.replay.originals import OriginalGoneError, Originals, open_originals
from pipeline.replay.publisher import open_publisher
from pipeline.replay.report import ReplayReport
from pipeline.replay.selection import (
    Chooser,
    FailedRecord,
    Selection,
    Verdict,
    milliseconds,
    read_failed_record,
    utc,
)
from transforms.elements import Source
from transforms.pace import Pace

_PROGRESS_S = 5
_NAMED = 10
"""How many originals that are gone are named one by one."""


def replay(options: ReplayOptions, console: Console, errors: Console) -> int:
    """Publish the originals of the failed events that are chosen, or show them.

    Args:
        options: which events, and where.
        console: where the events of a dry run and the table are shown.
        errors: where progress, and whatever goes wrong, is told.

    Returns:
        the process's exit code: 0 done, 1 not everything could be read, fetched or published, 130 interrupted.

    Raises:
        ConfigError: if the brokers cannot be reached or lack a topic; nothing is published then.
    """
    kafka, selection = options.kafka, options.selection
    report = ReplayReport()
    problem = ""
    interrupted = False
    with ExitStack() as clients:
        topic = clients.enter_context(open_failed_topic(kafka, selection.since))
        originals = clients.enter_context(open_originals(kafka))
        publisher = None if options.dry_run else clients.enter_context(open_publisher(kafka))
        errors.print(f"Reading {kafka.failed_topic} at {kafka.broker_servers}, {_times(selection)}.")
        if not options.merge_ledger:
            errors.print(
                "merge.ledger is off: views of an event that was merged in part are counted again by its replay.",
                style="yellow",
            )
        try:
            pace = Pace(options.per_second or math.inf)
            for failed in _chosen(topic, originals, selection, report, errors):
                if publisher:
                    pace.wait()
                    publisher.publish(failed)
                else:
                    console.print(failed.line(), markup=False, soft_wrap=True)
        except KafkaError as e:
            problem = f"Not everything could be read: {e}."
        except KeyboardInterrupt:
            interrupted = True
        try:
            while publisher and not interrupted and not publisher.wait(_PROGRESS_S):
                errors.print(f"{_events(publisher.open)} not confirmed yet …")
        except KeyboardInterrupt:
            interrupted = True
    published = publisher.confirmed if publisher else None
    console.print(report.table(published))

    def tell(sentence: str) -> None:
        console.print(sentence, markup=False, soft_wrap=True)

    if report.not_ours:
        tell(f"{report.not_ours:,} other records are no failed events of this job, and are left alone.")
    if published is None:
        tell(f"Dry run: nothing is published; {_events(report.chosen)} would go to {kafka.input_topic}.")
    else:
        tell(f"{_events(published.total())} published to {kafka.input_topic}, for the job to merge.")
        if left := report.chosen - published.total():
            reason = f": {publisher.error}" if publisher and publisher.error else ""
            problem += f" {left:,} of {_events(report.chosen)} were not published{reason}."
    if report.gone:
        errors.print(_gone(report.gone), style="red", markup=False)
    if interrupted or problem:
        text = f"{'Interrupted.' if interrupted else ''}{problem}".strip()
        errors.print(f"{text} Run it again; what is published twice is merged once.", style="red", markup=False)
    return 130 if interrupted else 1 if problem or report.gone else 0


def _chosen(
    topic: TopicRecords, originals: Originals, selection: Selection, report: ReplayReport, errors: Console
) -> Iterator[FailedRecord]:
    """Yield what is to be published, each with its whole original, and count everything."""
    chooser = Chooser(selection)
    told = time.monotonic()
    for i, record in enumerate(topic):
        if time.monotonic() - told > _PROGRESS_S:
            errors.print(f"{i:,} of {topic.size:,} records read, {report.chosen:,} chosen …")
            told = time.monotonic()
        if not selection.includes_time(record.timestamp):
            continue
        source = Source(record.topic, record.partition, record.offset, record.timestamp)
        failed = read_failed_record(record.value, source)
        if failed is None:
            report.not_ours += 1
            continue
        # Whose accounts it merges is known only from the whole of an original.
        if failed.whole_bytes is not None and selection.includes_code(failed):
            try:
                failed = originals.complete(failed)
            except OriginalGoneError as e:
                report.count_gone(failed, str(e))
                continue
        verdict = chooser.choose(failed)
        report.count(failed, verdict)
        if verdict is Verdict.CHOSEN:
            yield failed


def _gone(gone: list[str]) -> str:
    named = "; ".join(gone[:_NAMED]) + ("; …" if len(gone) > _NAMED else "")
    return (
        f"{_events(len(gone))} cannot be published, since the failed topic has only the beginning, and the whole "
        f"cannot be fetched from where it was read: {named}. Ask the producer to publish these anew."
    )


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def _times(selection: Selection) -> str:
    since = utc(milliseconds(selection.since)) if selection.since else "its beginning"
    until = utc(milliseconds(selection.until)) if selection.until else "its present end"
    return f"from {since} to {until}"
