"""The command that prints or makes the job's own tables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from cassandra.cluster import Session

from local.settings import LocalSettings
from pipeline.__main__ import main

TABLES = ("user_content_merge_facts", "user_merge_log", "user_merge_history")


@pytest.fixture
def keyspace(cassandra_session: Session) -> Iterator[str]:
    """A keyspace without tables."""
    name = f"tables_{uuid.uuid4().hex}"
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    cassandra_session.execute(f"CREATE KEYSPACE {name} WITH replication = {replication}")
    yield name
    cassandra_session.execute(f"DROP KEYSPACE {name}")


@pytest.fixture
def argv(settings: LocalSettings, keyspace: str) -> list[str]:
    address = f"--lms_cassandra_port={settings.cassandra_port}"
    return ["tables", "--lms_cassandra_host=127.0.0.1", address, f"--lms_cassandra_keyspace={keyspace}"]


def test_tables_are_made_where_they_are_missing(
    argv: list[str], keyspace: str, cassandra_session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    for state in ("is made", "was there already"):
        assert main([*argv, "--apply"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            f"{name} {state} in keyspace {keyspace}." for name in TABLES
        ]
    rows = cassandra_session.execute(
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", [keyspace]
    )
    assert sorted(row["table_name"] for row in rows) == sorted(TABLES)


def test_what_is_printed_makes_the_same_tables(
    argv: list[str], keyspace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"USE {keyspace};\n")
    assert all(f"CREATE TABLE IF NOT EXISTS {name} (" in printed for name in TABLES)


def test_a_keyspace_that_is_missing_is_named(
    argv: list[str], settings: LocalSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*argv, "--lms_cassandra_keyspace=none", "--apply"]) == 2
    assert capsys.readouterr().err.strip() == (
        f"lms-cassandra.keyspace: 127.0.0.1:{settings.cassandra_port} has no keyspace none; the platform makes it."
    )


def test_a_cassandra_that_does_not_answer_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables", "--apply", "--lms_cassandra_host=127.0.0.1", "--lms_cassandra_port=1"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("The tables cannot be made in sunbird_courses on 127.0.0.1:1: ")
    assert "Traceback" not in told


def test_only_options_that_it_needs_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables", "--kafka_groupId=g", "--aply"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "--kafka_groupId is an option of the job that this command has no use for: leave it out.",
        "--aply is not an option: did you mean --apply?",
    ]
