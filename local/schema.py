"""The keyspace and the tables, in a local Cassandra."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import ConstantReconnectionPolicy, RoundRobinPolicy
from cassandra.query import dict_factory

from local.settings import HOST, PROJECT, LocalSettings

KEYSPACE = "sunbird_courses"
PLATFORM_TABLES = PROJECT / "local" / "sunbird_courses.cql"
MERGE_TABLES = PROJECT / "pipeline" / "merge_tables.cql"

_PROTOCOL_VERSION = 5
_REQUEST_TIMEOUT_S = 60


@contextmanager
def connect(
    settings: LocalSettings, keyspace: str | None = KEYSPACE, client: Mapping[str, Any] | None = None
) -> Iterator[Session]:
    """A session whose rows are dicts; it finds Cassandra again soon after that was down.

    Args:
        settings: says where Cassandra listens.
        keyspace: what the session is on, if on any.
        client: what else the driver needs to connect, such as a login.
    """
    profile = ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(), row_factory=dict_factory, request_timeout=_REQUEST_TIMEOUT_S
    )
    cluster = Cluster(
        [HOST],
        port=settings.cassandra_port,
        protocol_version=_PROTOCOL_VERSION,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ConstantReconnectionPolicy(delay=0.5, max_attempts=None),
        # Else each batch waits for a delayed ACK.
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        **client or {},
    )
    try:
        yield cluster.connect(keyspace)
    finally:
        cluster.shutdown()


def create(settings: LocalSettings) -> None:
    """Create what is missing of the keyspace and the tables, the platform's and ours."""
    with connect(settings, keyspace=None) as session:
        apply(session, KEYSPACE)


def apply(session: Session, keyspace: str) -> None:
    """Create what is missing of a keyspace of any name; the session is on it then."""
    _execute(session, PLATFORM_TABLES.read_text().replace(KEYSPACE, keyspace))
    session.set_keyspace(keyspace)
    _execute(session, MERGE_TABLES.read_text().replace(KEYSPACE, keyspace))


def _execute(session: Session, cql: str) -> None:
    """Execute statements, each of which ends with a semicolon at the end of a line."""
    for statement in re.split(r";\s*$", cql, flags=re.MULTILINE):
        if statement.strip():
            session.execute(statement)
