"""The keyspace and the tables, in a local Cassandra."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import ConstantReconnectionPolicy, RetryPolicy, WhiteListRoundRobinPolicy
from cassandra.query import dict_factory

from local.settings import HOST, PROJECT, LocalSettings
from transforms.store.stream_ids import OwnAnswers

KEYSPACE = "sunbird_courses"
PLATFORM_TABLES = PROJECT / "local" / "sunbird_courses.cql"
MERGE_TABLES = PROJECT / "pipeline" / "merge_tables.cql"

_ONE_REPLICA = "'replication_factor': 1"
_PROTOCOL_VERSION = 5
_REQUEST_TIMEOUT_S = 60
_RETRIES = 5


class LocalConnection(OwnAnswers, Cluster.connection_class):
    """The driver's default one for this machine; on it too, nobody is given the rows of another."""


class RetryWritesPolicy(RetryPolicy):
    """The driver's default, but a write that replicas did not take in time is sent again, up to five times.

    Three nodes on one small machine are late now and then; all that is written here can be written twice.
    """

    def on_write_timeout(self, *args: Any, retry_num: int, **kwargs: Any) -> tuple[int, int | None]:
        """Whether to write again, at the same consistency level; called by the driver."""
        return (self.RETRY, None) if retry_num < _RETRIES else (self.RETHROW, None)


@contextmanager
def connect(
    settings: LocalSettings,
    keyspace: str | None = KEYSPACE,
    client: Mapping[str, Any] | None = None,
    hosts: Sequence[str] = (HOST,),
) -> Iterator[Session]:
    """A session whose rows are dicts; it finds Cassandra again soon after that was down.

    Args:
        settings: says where Cassandra listens.
        keyspace: what the session is on, if on any.
        client: what else the driver needs to connect, such as a login.
        hosts: the addresses of the nodes that are used.
    """
    profile = ExecutionProfile(
        # Of a table on one node that is the node, and of one on three what two of them know.
        consistency_level=ConsistencyLevel.QUORUM,
        load_balancing_policy=WhiteListRoundRobinPolicy(hosts),
        retry_policy=RetryWritesPolicy(),
        row_factory=dict_factory,
        request_timeout=_REQUEST_TIMEOUT_S,
    )
    cluster = Cluster(
        hosts,
        port=settings.cassandra_port,
        protocol_version=_PROTOCOL_VERSION,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        control_connection_timeout=_REQUEST_TIMEOUT_S,
        reconnection_policy=ConstantReconnectionPolicy(delay=0.5, max_attempts=None),
        # Else a session that asked nothing while Cassandra was killed and started fails with its next request.
        idle_heartbeat_interval=1,
        # Else each batch waits for a delayed ACK.
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        **client or {},
    )
    cluster.connection_class = LocalConnection
    try:
        yield cluster.connect(keyspace)
    finally:
        cluster.shutdown()


def create(settings: LocalSettings, replicas: int = 1) -> None:
    """Create what is missing of the keyspace and all tables; each row is on so many nodes."""
    with connect(settings, keyspace=None) as session:
        apply(session, KEYSPACE, replicas)


def apply(session: Session, keyspace: str, replicas: int = 1) -> None:
    """Create what is missing of a keyspace of any name, each row on so many nodes; the session is on it then."""
    tables = PLATFORM_TABLES.read_text().replace(_ONE_REPLICA, f"'replication_factor': {replicas}")
    _execute(session, tables.replace(KEYSPACE, keyspace))
    session.set_keyspace(keyspace)
    apply_merge_tables(session)


def apply_merge_tables(session: Session) -> None:
    """Create what is missing of our own tables, in the keyspace that the session is on."""
    _execute(session, MERGE_TABLES.read_text())


def _execute(session: Session, cql: str) -> None:
    """Execute statements, each of which ends with a semicolon at the end of a line."""
    for statement in re.split(r";\s*$", cql, flags=re.MULTILINE):
        if statement.strip():
            session.execute(statement)
