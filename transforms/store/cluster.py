"""How the driver connects: policies, login, TLS."""

from __future__ import annotations

import logging
import socket

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import DCAwareRoundRobinPolicy, ExponentialReconnectionPolicy, TokenAwarePolicy
from cassandra.query import tuple_factory

from transforms.settings import CassandraSettings
from transforms.store.connection import LoopConnection
from transforms.store.errors import StoreError, store_error
from transforms.store.nodes import check_data_centre, server_warnings
from transforms.store.protocol import PROTOCOL_VERSION

_CONTROL_TIMEOUT_S = 10

_log = logging.getLogger(__name__)


def connect(settings: CassandraSettings) -> tuple[Cluster, Session]:
    """Connect to the nodes of one data centre.

    Raises:
        SchemaError: if it is not known which data centre that is.
        StoreError: if no node can be used.
    """
    cluster = make_cluster(settings)
    try:
        try:
            session = cluster.connect()
        except Exception as e:
            # In a data centre that does not exist, no node answers.
            check_data_centre(cluster.metadata.all_hosts(), settings.local_dc)
            raise store_error(e) from e
        check_data_centre(cluster.metadata.all_hosts(), settings.local_dc)
    except StoreError:
        cluster.shutdown()
        raise
    for warning in server_warnings(cluster.metadata.all_hosts()):
        _log.warning("%s", warning)
    return cluster, session


def make_cluster(settings: CassandraSettings) -> Cluster:
    """The driver's cluster, not connected yet."""
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(settings.local_dc or "")),
        consistency_level=ConsistencyLevel.name_to_value[settings.consistency_level],
        request_timeout=None,  # transforms/store/requests.py has one
        row_factory=tuple_factory,
    )
    return Cluster(
        settings.hosts,
        port=settings.port,
        protocol_version=PROTOCOL_VERSION,
        # Of a driver that finds lz4, 7 % of a worker's CPU; and UndecodedRows writes into requests.
        compression=False,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connection_class=LoopConnection,
        auth_provider=(
            PlainTextAuthProvider(settings.username, settings.password()) if settings.username else None
        ),
        ssl_context=settings.tls(),
        schema_event_refresh_window=0,  # a change is known at once, not after 2 s
        # The driver gives a node 2 s to tell its whole schema; one with much to do needs longer.
        control_connection_timeout=_CONTROL_TIMEOUT_S,
        # The driver waits up to ten minutes by default, and gives up after 64 attempts.
        reconnection_policy=ExponentialReconnectionPolicy(0.5, 5.0, max_attempts=None),
        # Without it a batch waits 40 ms for a delayed ACK (Nagle).
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
