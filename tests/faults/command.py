"""The command line of ./run_local.sh faults."""

from __future__ import annotations

import argparse
import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from cassandra.cluster import Session
from rich.table import Column, Table

from local import jars, schema
from local.console import console, step
from local.sandbox import sandbox
from local.services import services
from local.settings import LocalSettings
from tests.faults.faults import FAULTS
from tests.faults.run import OPTIONS, PARTITIONS, Outcome, run_fault
from tests.flink.cluster import LocalCluster, running_cluster
from tests.whole.job import Job

_ACCOUNTS, _EVENTS, _OVER_S = 500, 5_000, 60
_SHOWN = 20


def main(shared: LocalSettings, argv: Sequence[str]) -> int:
    """Run the faults; returns the exit code: 0, or 1 if anything is lost, doubled or left.

    Args:
        shared: the settings of the user; the services of the faults are others.
        argv: what follows `faults` on the command line.

    Raises:
        LocalError: if the services cannot be started.
    """
    arguments = _parser().parse_args(argv)
    logging.disable(logging.ERROR)  # clients warn of what is down, which here is no news
    outcomes = []
    with _running_services(shared) as (cluster, session):
        for fault in arguments.fault or FAULTS:
            with step(f"Killing {fault} in mid-stream" if FAULTS[fault] else "Killing nothing", f"Fault: {fault}"):
                job = _make_job(cluster.settings, session)
                outcome = run_fault(
                    cluster,
                    job,
                    fault,
                    arguments.seed,
                    accounts=_ACCOUNTS,
                    events=arguments.events,
                    over_s=_OVER_S,
                )
            outcomes.append(outcome)
            for sentence in (outcome.verdict.lost + outcome.verdict.doubled)[:_SHOWN]:
                console.print(sentence, style="red", markup=False)
    console.print(table(outcomes, arguments.seed))
    return exit_code(outcomes)


def table(outcomes: Sequence[Outcome], seed: int) -> Table:
    """What became of each stream, a line each."""
    title = f"Streams of merge events over {_ACCOUNTS} accounts, seed {seed}"
    made = Table(Column("fault", no_wrap=True), title=title)
    for column in ("events", "failed", "lost", "doubled", "lag", "repeated requests", "state", "recovery"):
        made.add_column(column, justify="right")
    for outcome in outcomes:
        verdict = outcome.verdict
        numbers = (
            *(outcome.events, outcome.failed, len(verdict.lost), len(verdict.doubled)),
            *(verdict.lag, verdict.repeated_requests),
        )
        state = f"{outcome.state_bytes / 1000:.0f} kB"
        recovery = "" if outcome.recovery_s is None else f"{outcome.recovery_s:.0f} s"
        style = None if outcome.is_exact else "red"
        made.add_row(outcome.fault, *(f"{number:,}" for number in numbers), state, recovery, style=style)
    return made


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 if every stream was merged exactly, else 1."""
    return 0 if all(outcome.is_exact for outcome in outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run_local.sh faults",
        description="Stream merge events through the job on a Flink cluster of its own, with 4 partitions "
        "and parallelism 2, kill -9 what it runs on at random moments, and compare every table, row by row, with "
        "a merge of the same events in memory. Exit code 1 on any loss or doubling.",
        epilog="recovery is the longest time from a kill until a checkpoint is complete that began after the "
        "server was up again; Cassandra and Kafka are left down for 30 s of it. state is the largest that a "
        "checkpoint held.",
    )
    parser.add_argument("--seed", type=int, default=1, help="decides accounts, events and moments (default 1)")
    parser.add_argument("--events", type=int, default=_EVENTS, help=f"of a stream (default {_EVENTS})")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this one; may be given again")
    return parser


@contextmanager
def _running_services(shared: LocalSettings) -> Iterator[tuple[LocalCluster, Session]]:
    jars.resolve_all(shared, (*jars.NAMES, "flink"))
    with ExitStack() as running:
        settings = running.enter_context(sandbox(shared, "faults"))
        with step("Starting services", "Kafka, Cassandra and a Flink cluster are up"):
            kafka_and_cassandra = services(settings)
            for service in kafka_and_cassandra:
                running.enter_context(service.running())
            cluster = running.enter_context(running_cluster(settings))
        cluster.services.update({service.name: service for service in kafka_and_cassandra})
        yield cluster, running.enter_context(schema.connect(settings, keyspace=None))


def _make_job(settings: LocalSettings, session: Session) -> Job:
    """A job with topics and a keyspace of its own."""
    env = f"f{uuid.uuid4().hex[:12]}"
    schema.apply(session, env)
    return Job(settings, session, env, PARTITIONS, list(OPTIONS))
