"""The command line of ./run_local.sh faults."""

from __future__ import annotations

import argparse
import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from cassandra.cluster import Session
from rich.table import Column, Table

from faults.cluster import LocalCluster, running_cluster
from faults.faults import faults, long_faults
from faults.job import Job
from faults.run import PARTITIONS, Outcome, run_fault
from local import jars, schema
from local.console import console, step
from local.sandbox import sandbox
from local.services import cassandra_nodes, kafka
from local.settings import LocalSettings

_ACCOUNTS = 500
_EVENTS = {1: 5_000, 3: 800}
"""By the number of nodes: three of them have a machine to share, and each does the work of one."""

_SHOWN = 20


def main(shared: LocalSettings, argv: Sequence[str]) -> int:
    """Run the faults; returns the exit code: 0, or 1 if anything is lost, doubled or left.

    Args:
        shared: the settings of the user; the services of the faults are others.
        argv: what follows `faults` on the command line.

    Raises:
        LocalError: if the services cannot be started.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    logging.disable(logging.ERROR)  # clients warn of what is down, which here is no news
    outcomes = []
    usual = faults(arguments.nodes)
    known = usual | long_faults()
    if unknown := [name for name in arguments.fault or () if name not in known]:
        parser.error(f"{unknown[0]!r} is no fault of {arguments.nodes} nodes: give one of {', '.join(known)}")
    with _running_services(shared, arguments.nodes) as (cluster, session, hosts):
        for name in arguments.fault or usual:
            with step(f"Streaming, with the fault: {name}", f"Fault: {name}"):
                job = _make_job(cluster.settings, session, hosts, known[name].options)
                outcome = run_fault(
                    cluster,
                    job,
                    name,
                    known[name],
                    arguments.seed,
                    accounts=_ACCOUNTS,
                    events=arguments.events or _EVENTS[arguments.nodes],
                    over_s=known[name].over_s,
                )
            outcomes.append(outcome)
            for sentence in (outcome.verdict.lost + outcome.verdict.doubled + outcome.verdict.judged)[:_SHOWN]:
                console.print(sentence, style="red", markup=False)
    console.print(table(outcomes, arguments.seed))
    return exit_code(outcomes)


def table(outcomes: Sequence[Outcome], seed: int) -> Table:
    """What became of each stream, a line each."""
    title = f"Streams of merge events over {_ACCOUNTS} accounts, seed {seed}"
    made = Table(Column("fault", no_wrap=True), title=title)
    for column in (
        "events",
        "failed",
        "replayed",
        "lost",
        "doubled",
        "raced",
        "lag",
        "repeated requests",
        "state",
        "recovery",
        "grown",
    ):
        made.add_column(column, justify="right")
    for outcome in outcomes:
        verdict = outcome.verdict
        numbers = (
            *(outcome.events, outcome.failed, outcome.replayed, len(verdict.lost), len(verdict.doubled)),
            *(verdict.raced, verdict.lag, verdict.repeated_requests),
        )
        state = f"{outcome.state_bytes / 1000:.0f} kB"
        recovery = "" if outcome.recovery_s is None else f"{outcome.recovery_s:.0f} s"
        grown = "" if outcome.grown_mb is None else f"{outcome.grown_mb:.0f} MB"
        style = None if outcome.is_exact else "red"
        made.add_row(outcome.fault, *(f"{number:,}" for number in numbers), state, recovery, grown, style=style)
    return made


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 if every stream was merged exactly, else 1."""
    return 0 if all(outcome.is_exact for outcome in outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run_local.sh faults",
        description="Stream merge events through the job on a Flink cluster of its own, with 4 partitions "
        "and parallelism 2, while learners go on learning, strike what it runs on at random moments, and compare "
        "every table, row by row, with a merge of the same events and views in memory. Exit code 1 on any loss or "
        "doubling.",
        epilog="replayed: events that failed because all nodes were away, and were published again. raced: views "
        "that were written while the job merged into the same row, and are missing. recovery is the longest time "
        "from a strike until a checkpoint is complete that began after the server was up again; Cassandra and "
        "Kafka are left down for 30 s of it. state is the largest that a checkpoint held. grown is by how much "
        "what is alive in the memory of TaskManagers and Python workers grew from the tenth strike to the last.",
    )
    parser.add_argument(
        "--nodes", type=int, default=1, choices=(1, 3), help="of Cassandra; of 3, each has all rows (default 1)"
    )
    parser.add_argument("--seed", type=int, default=1, help="decides accounts, events and moments (default 1)")
    usual = ", ".join(f"{events:,} on {nodes}" for nodes, events in _EVENTS.items())
    parser.add_argument("--events", type=int, help=f"of a stream (default {usual})")
    parser.add_argument(
        "--fault",
        action="append",
        metavar="NAME",
        help=f"only this one; may be given again. Only where it is asked for: {', '.join(long_faults())}",
    )
    return parser


@contextmanager
def _running_services(
    shared: LocalSettings, nodes: int
) -> Iterator[tuple[LocalCluster, Session, tuple[str, ...]]]:
    """Starts everything; the cluster, a session, and the addresses of the Cassandra nodes."""
    jars.resolve_all(shared, (*jars.NAMES, "flink"))
    with ExitStack() as running:
        settings = running.enter_context(sandbox(shared, "faults"))
        with step("Starting services", "Kafka, Cassandra and a Flink cluster are up"):
            cassandra = cassandra_nodes(settings, nodes)
            kafka_and_cassandra = kafka(settings), *cassandra
            for service in kafka_and_cassandra:
                running.enter_context(service.running())
            cluster = running.enter_context(running_cluster(settings))
        hosts = tuple(node.host for node in cassandra)
        cluster.services.update({service.name: service for service in kafka_and_cassandra})
        yield cluster, running.enter_context(schema.connect(settings, keyspace=None, hosts=hosts)), hosts


def _make_job(settings: LocalSettings, session: Session, hosts: tuple[str, ...], options: Sequence[str]) -> Job:
    """A job with topics and a keyspace of its own, each row of which is on every node."""
    env = f"f{uuid.uuid4().hex[:12]}"
    schema.apply(session, env, replicas=len(hosts))
    return Job(settings, session, env, PARTITIONS, list(options), hosts=hosts)
