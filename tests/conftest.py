"""The real services of the tests: a Kafka and a Cassandra of their own, started once, when a test first asks."""

from __future__ import annotations

import dataclasses
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from cassandra.cluster import Session

from local import jars, ports, schema, services, topics
from local.errors import LocalError
from local.sandbox import sandbox
from local.service import Service
from local.settings import FLINK_PORTS, LocalSettings, read_settings
from tests.flink.cluster import LocalCluster, running_cluster
from tests.keyspaces import Keyspace, MakeKeyspace


@pytest.fixture(scope="session")
def settings() -> Iterator[LocalSettings]:
    """The settings of the tests' services: free ports, and an empty folder that this run has to itself."""
    shared = read_settings(os.environ)
    with ExitStack() as running:
        try:
            settings = running.enter_context(sandbox(shared, "test"))
        except LocalError as e:
            pytest.exit(str(e))
        jars.resolve_all(shared)
        yield settings


@pytest.fixture(scope="session")
def kafka_service(settings: LocalSettings) -> Iterator[Service]:
    """A Kafka with the job's topics."""
    service = services.kafka(settings)
    with service.running():
        topics.create(settings)
        yield service


@pytest.fixture(scope="session")
def cassandra_service(settings: LocalSettings) -> Iterator[Service]:
    """A Cassandra with the keyspace and all tables."""
    service = services.cassandra(settings)
    with service.running():
        schema.create(settings)
        yield service


@pytest.fixture(scope="session")
def cassandra_session(settings: LocalSettings, cassandra_service: Service) -> Iterator[Session]:
    """A session on the keyspace, whose rows are dicts; it survives a restart of Cassandra."""
    assert cassandra_service.is_running()
    with schema.connect(settings) as session:
        yield session


@pytest.fixture(scope="session")
def make_keyspace(settings: LocalSettings, cassandra_service: Service) -> Iterator[MakeKeyspace]:
    """Makes keyspaces, each with all tables and a session of its own."""
    with ExitStack() as sessions:

        def make(name: str | None = None) -> Keyspace:
            name = name or f"t{uuid.uuid4().hex[:12]}"
            session = sessions.enter_context(schema.connect(settings, keyspace=None))
            schema.apply(session, name)
            return Keyspace(session, settings.cassandra_port)

        yield make


@pytest.fixture(scope="session")
def cluster(settings: LocalSettings) -> Iterator[LocalCluster]:
    """A Flink cluster."""
    # Other tests may have taken the ports of the settings since these were found free.
    settings = dataclasses.replace(settings, flink_port=ports.free_ports_in_a_row(FLINK_PORTS))
    with running_cluster(settings) as cluster:
        yield cluster


@pytest.fixture
def ends_jobs(cluster: LocalCluster) -> Iterator[None]:
    """Cancel what a test has left running."""
    yield
    cluster.cancel_jobs()
