"""A keyspace of a test's own on the real Cassandra: rows in, rows out, and how the stages reach it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent

from faults.memory_tables import ACTIVITY_AGG, ASSESSMENTS, CONTENT_CONSUMPTION, ENROLMENTS, KEYS
from local.settings import HOST
from transforms.settings import CassandraSettings

Row = dict[str, Any]

_AT_ONCE = 32
"""Rows that are inserted side by side: three nodes that share a loaded machine time out with more."""


@dataclass(frozen=True)
class Keyspace:
    """A keyspace with all tables.

    Attributes:
        session: a session on it, whose rows are dicts.
        port: where Cassandra listens.
    """

    session: Session
    port: int

    def settings(self, **changes: Any) -> CassandraSettings:
        """How the job reaches it, with changes."""
        settings = CassandraSettings(
            hosts=(HOST,),
            port=self.port,
            keyspace=self.session.keyspace,
            content_consumption_table=CONTENT_CONSUMPTION,
            user_enrolments_table=ENROLMENTS,
            user_activity_agg_table=ACTIVITY_AGG,
            assessment_aggregator_table=ASSESSMENTS,
            consistency_level="LOCAL_QUORUM",
            local_dc=None,
            username=None,
            password_file=None,
            ssl_enabled=False,
            ssl_ca_file=None,
            ssl_certificate_file=None,
            ssl_key_file=None,
            ssl_hostname_verification=True,
            retry_seconds=60,
        )
        return dataclasses.replace(settings, **changes)

    def insert(self, rows: Mapping[str, Iterable[Row]]) -> None:
        """Insert rows by table."""
        inserts = [
            (f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('%s' for _ in row)})", list(row.values()))
            for table, table_rows in rows.items()
            for row in table_rows
        ]
        execute_concurrent(self.session, inserts, concurrency=_AT_ONCE)

    def rows(self, table: str, **partition: Any) -> list[Row]:
        """Rows of a table: of a partition, else all."""
        where = " AND ".join(f"{column} = %s" for column in partition)
        query = f"SELECT * FROM {table}" + (f" WHERE {where}" if where else "")
        return [
            {column: _plain(value) for column, value in row.items()}
            for row in self.session.execute(query, list(partition.values()))
        ]

    def all_rows(self) -> dict[str, list[Row]]:
        """All rows of all tables."""
        return {table: self.rows(table) for table in KEYS}


class MakeKeyspace(Protocol):
    """Makes a keyspace with all tables, empty."""

    def __call__(self, name: str | None = None) -> Keyspace: ...


def _plain(value: Any) -> Any:
    """The driver's own map type as dicts."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return dict(value) if hasattr(value, "items") else value
