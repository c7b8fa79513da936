"""The demo: loads a small data set, merges its events with the real pipeline, and shows what happened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cassandra.cluster import Session
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from local import run, schema
from local.demo_data import EVENTS, NEXT_ATTEMPT, PREVIEWED, PRIMARY_ACCOUNTS, ROWS
from local.next_quiz import next_quiz_table
from local.settings import LocalSettings
from local.topics import FAILED_TOPIC, INPUT_TOPIC, SYNC_TOPIC
from pipeline.configuration.show import readers_of_requests
from pipeline.operators.details import details, read_as
from transforms.rules.changes import Change

ROW_NAMES = {
    "user_content_consumption": ("courseid", "batchid", "contentid"),
    "user_enrolments": ("courseid", "batchid"),
    "user_activity_agg": ("activity_id", "context_id"),
    "assessment_aggregator": ("content_id", "attempt_id"),
}
"""What names a row of one account, by table."""

_SHOWN = {
    "user_content_consumption": ("status", "progress", "viewcount", "completedcount", "last_access_time"),
    "user_enrolments": (
        "status",
        "progress",
        "completedon",
        "enrolled_date",
        "contentstatus",
        "issued_certificates",
    ),
    "user_activity_agg": ("aggregates", "agg_details"),
    "assessment_aggregator": ("grand_total",),
}
"""The columns that tell what a merge did."""

Rows = dict[tuple[str, ...], dict[str, Any]]


def demo(settings: LocalSettings) -> int:
    """Run the demo on services that are up; returns the exit code of what fails first, else that of verify."""
    console = Console()
    with schema.connect(settings) as session:
        load(session)
        accounts = [f"--from={PREVIEWED[0]}", f"--to={PREVIEWED[1]}"]
        console.print(f"Before the merge, ./run_local.sh preview {' '.join(accounts)}\n", markup=False)
        exit_code = run.ask(settings, "preview", accounts)
        if exit_code:
            return exit_code
        before = {account: read_account(session, account) for account in PRIMARY_ACCOUNTS}
        ends = _end_offsets(settings)
        _publish(settings)
        console.print(f"\n{len(EVENTS)} events are published to {INPUT_TOPIC}.")
        exit_code = run.run(settings, [])
        if exit_code:
            return exit_code
        after = {account: read_account(session, account) for account in PRIMARY_ACCOUNTS}
        for account, learner in PRIMARY_ACCOUNTS.items():
            console.print(account_table(learner, account, before[account], after[account]))
    learner = NEXT_ATTEMPT["user_id"]
    console.print(next_quiz_table(PRIMARY_ACCOUNTS[learner], after[learner]["assessment_aggregator"].values()))
    console.print("\nAfter the merges, ./run_local.sh verify --topic\n", markup=False)
    verdict = run.ask(settings, "verify", ["--topic"])
    requests, failed = _read(settings, SYNC_TOPIC, ends), _read(settings, FAILED_TOPIC, ends)
    console.print(requests_table(requests))
    for action in sorted({request["edata"]["action"] for request in requests}):
        console.print(readers_of_requests(action), highlight=False)
    console.print(failed_table(failed))
    console.print(
        f"{len(EVENTS)} events: {len(EVENTS) - len(failed)} merged, {len(failed)} failed; "
        f"{len(requests)} sync requests."
    )
    return verdict


def load(session: Session) -> None:
    """Insert the data set, each row only where it is absent: what an earlier demo has merged stays merged."""
    for table, rows in ROWS.items():
        for row in rows:
            columns, marks = ", ".join(row), ", ".join("%s" for _ in row)
            statement = f"INSERT INTO {table} ({columns}) VALUES ({marks}) IF NOT EXISTS"  # noqa: S608 - our own names
            session.execute(statement, list(row.values()))


def read_account(session: Session, account: str) -> dict[str, Rows]:
    """All rows of an account, by table and by what names a row."""
    courses = sorted({row["activity_id"] for row in ROWS["user_activity_agg"]})
    found = {
        "user_content_consumption": session.execute(
            "SELECT * FROM user_content_consumption WHERE userid = %s", (account,)
        ),
        "user_enrolments": session.execute("SELECT * FROM user_enrolments WHERE userid = %s", (account,)),
        "user_activity_agg": [
            row
            for course in courses
            for row in session.execute(
                "SELECT * FROM user_activity_agg"
                " WHERE activity_type = 'Course' AND activity_id = %s AND user_id = %s",
                (course, account),
            )
        ],
        "assessment_aggregator": [
            row
            for course in courses
            for row in session.execute(
                "SELECT * FROM assessment_aggregator WHERE course_id = %s AND user_id = %s", (course, account)
            )
        ],
    }
    return {
        table: {tuple(row[column] for column in ROW_NAMES[table]): row for row in rows}
        for table, rows in found.items()
    }


def account_table(learner: str, account: str, before: dict[str, Rows], after: dict[str, Rows]) -> RenderableType:
    """What has changed in the account's rows, side by side."""
    title = f"{learner}: primary account {account}"
    table = Table(box=None, padding=(0, 2, 0, 0), title=f"\n{title}", title_justify="left")
    table.add_column("what changed", no_wrap=True)
    for heading in ("before", "after"):
        table.add_column(heading)
    for name in ROW_NAMES:
        for key in sorted(after[name]):
            change = _change(name, before[name].get(key), after[name][key])
            if change.columns:
                table.add_row(Text(" ".join(key), "bold"))
                for detail in details(change):
                    old, new = read_as(detail.old), read_as(detail.new)
                    table.add_row(Text(f"  {detail.name}"), Text(old), Text(new, "green"))
    return table if table.rows else Text(f"\n{title} has had all of it already; nothing changes.")


def _change(table: str, before: dict[str, Any] | None, after: dict[str, Any]) -> Change:
    """What has changed in the columns that tell what a merge did."""
    both = {column: ((before or {}).get(column), after.get(column)) for column in _SHOWN[table]}
    changed = {column: (old, new) for column, (old, new) in both.items() if old != new}
    return Change(table, key={}, copied=before is None, columns=changed, unchanged={})


def requests_table(requests: Iterable[dict[str, Any]]) -> Table:
    """The sync requests that were published."""
    table = Table("user", "course", "batch", title="\nSync requests", title_justify="left")
    for request in requests:
        edata = request["edata"]
        table.add_row(edata["userId"], edata["courseId"], edata["batchId"])
    return table


def failed_table(failed: Iterable[dict[str, Any]]) -> Table:
    """The failed events that were published: where each was read, what is wrong, and what it was."""
    table = Table("read at", "failed event", title="\nFailed events", title_justify="left", show_lines=True)
    for event in failed:
        source, info = event["source"], event["failInfo"]
        edata = event.get("edata") or {}
        original = event.get("rawMessage", f"{edata.get('fromAccountId')} → {edata.get('toAccountId')}")
        told = f"{info['errorCode']}\n{info['error']}\n{original}"
        table.add_row(f"{source['partition']}:{source['offset']}", Text(told))
    return table


def _publish(settings: LocalSettings) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_address)
    try:
        for event in EVENTS:
            producer.send(INPUT_TOPIC, event)  # no key, as the user service sends them
        producer.flush()
    finally:
        producer.close()


def _end_offsets(settings: LocalSettings) -> dict[TopicPartition, int]:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_address, enable_auto_commit=False)
    try:
        partitions = [
            TopicPartition(topic, partition)
            for topic in (SYNC_TOPIC, FAILED_TOPIC)
            for partition in sorted(consumer.partitions_for_topic(topic))
        ]
        ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)
        return ends
    finally:
        consumer.close()


def _read(settings: LocalSettings, topic: str, since: dict[TopicPartition, int]) -> list[dict[str, Any]]:
    """What was published to a topic since, as JSON."""
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_address, enable_auto_commit=False)
    try:
        starts = {partition: offset for partition, offset in since.items() if partition.topic == topic}
        consumer.assign(list(starts))
        for partition, offset in starts.items():
            consumer.seek(partition, offset)
        ends = consumer.end_offsets(list(starts))
        records = []
        while any(consumer.position(partition) < ends[partition] for partition in starts):
            for polled in consumer.poll(timeout_ms=1_000).values():
                records += [json.loads(record.value) for record in polled]
        return records
    finally:
        consumer.close()
