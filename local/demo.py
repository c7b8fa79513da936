"""The demo: loads a small data set, merges its events with the real pipeline, and shows what happened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cassandra.cluster import Session
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from rich.console import Console
from rich.table import Table
from rich.text import Text

from local import run, schema
from local.demo_data import EVENTS, PRIMARY_ACCOUNTS, ROWS
from local.settings import LocalSettings
from local.topics import FAILED_TOPIC, INPUT_TOPIC, SYNC_TOPIC

ROW_NAMES = {
    "user_content_consumption": ("courseid", "batchid", "contentid"),
    "user_enrolments": ("courseid", "batchid"),
    "user_activity_agg": ("activity_id", "context_id"),
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
}
"""The columns that tell what a merge did."""

Rows = dict[tuple[str, ...], dict[str, Any]]


def demo(settings: LocalSettings) -> int:
    """Run the demo on services that are up; returns the pipeline's exit code."""
    console = Console()
    with schema.connect(settings) as session:
        load(session)
        before = {account: read_account(session, account) for account in PRIMARY_ACCOUNTS}
        ends = _end_offsets(settings)
        _publish(settings)
        console.print(f"{len(EVENTS)} events are published to {INPUT_TOPIC}.")
        exit_code = run.run(settings, [])
        if exit_code:
            return exit_code
        for account, learner in PRIMARY_ACCOUNTS.items():
            console.print(account_table(learner, account, before[account], read_account(session, account)))
    requests, failed = _read(settings, SYNC_TOPIC, ends), _read(settings, FAILED_TOPIC, ends)
    console.print(requests_table(requests))
    console.print(failed_table(failed))
    console.print(
        f"{len(EVENTS)} events: {len(EVENTS) - len(failed)} merged, {len(failed)} failed; "
        f"{len(requests)} sync requests."
    )
    return 0


def load(session: Session) -> None:
    """Insert the data set, each row only where it is absent: what an earlier demo has merged stays merged."""
    for table, rows in ROWS.items():
        for row in rows:
            columns, marks = ", ".join(row), ", ".join("%s" for _ in row)
            statement = f"INSERT INTO {table} ({columns}) VALUES ({marks}) IF NOT EXISTS"  # noqa: S608 - our own names
            session.execute(statement, list(row.values()))


def read_account(session: Session, account: str) -> dict[str, Rows]:
    """All rows of an account, by table and by what names a row."""
    courses = {row["activity_id"] for row in ROWS["user_activity_agg"]}
    found = {
        "user_content_consumption": session.execute(
            "SELECT * FROM user_content_consumption WHERE userid = %s", (account,)
        ),
        "user_enrolments": session.execute("SELECT * FROM user_enrolments WHERE userid = %s", (account,)),
        "user_activity_agg": [
            row
            for course in sorted(courses)
            for row in session.execute(
                "SELECT * FROM user_activity_agg"
                " WHERE activity_type = 'Course' AND activity_id = %s AND user_id = %s",
                (course, account),
            )
        ],
    }
    return {
        table: {tuple(row[column] for column in ROW_NAMES[table]): row for row in rows}
        for table, rows in found.items()
    }


def account_table(learner: str, account: str, before: dict[str, Rows], after: dict[str, Rows]) -> Table:
    """The account's rows before and after, side by side."""
    table = Table(title=f"{learner}: primary account {account}", title_justify="left")
    for heading in ("row", "column", "before", "after"):
        table.add_column(heading, overflow="fold")
    for name in ROW_NAMES:
        table.add_section()
        table.add_row(f"[bold]{name}[/bold]")
        for key in sorted(after[name]):
            shown = " ".join(key)
            for column in _SHOWN[name]:
                old, new = before[name].get(key, {}).get(column), after[name][key].get(column)
                if new is not None:
                    style = "green" if new != old else ""
                    table.add_row(shown, column, _value(old), Text(_value(new), style))
                    shown = ""
    return table


def requests_table(requests: Iterable[dict[str, Any]]) -> Table:
    """The sync requests that were published."""
    table = Table("user", "course", "batch", title="Sync requests", title_justify="left")
    table.add_column("mid", overflow="fold")
    for request in requests:
        edata = request["edata"]
        table.add_row(edata["userId"], edata["courseId"], edata["batchId"], request["mid"])
    return table


def failed_table(failed: Iterable[dict[str, Any]]) -> Table:
    """The failed events that were published."""
    table = Table(title="Failed events", title_justify="left")
    for heading in ("partition:offset", "code", "error", "event"):
        table.add_column(heading, overflow="fold")
    for event in failed:
        source, info = event["source"], event["failInfo"]
        edata = event.get("edata") or {}
        original = event.get("rawMessage", f"{edata.get('fromAccountId')} → {edata.get('toAccountId')}")
        table.add_row(
            f"{source['partition']}:{source['offset']}", info["errorCode"], info["error"], Text(original)
        )
    return table


def _value(value: Any) -> str:
    """A cell's value in short: of a date the day, of attempts and certificates their ids."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if hasattr(value, "items"):
        return ", ".join(f"{key} {item:g}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(
            item["identifier"] if hasattr(item, "items") else json.loads(item)["attempt_id"] for item in value
        )
    return str(value)


def _publish(settings: LocalSettings) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_address)
    try:
        for event in EVENTS:
            producer.send(INPUT_TOPIC, event)  # no key, as the user service sends them
        producer.flush()
    finally:
        producer.close()


def _end_offsets(settings: LocalSettings) -> dict[TopicPartition, int]:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_address)
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
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_address)
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
