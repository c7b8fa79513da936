"""Kafka, Cassandra and a Flink cluster for a tool of the tests that is run by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from cassandra.cluster import Session

from faults.cluster import LocalCluster, running_cluster
from local import jars, schema
from local.sandbox import sandbox
from local.services import services
from local.settings import read_settings


@contextmanager
def own_cluster(name: str) -> Iterator[tuple[LocalCluster, Session]]:
    """Start all of it in a folder of a name, with a session that has no keyspace yet, and stop it at the end."""
    shared = read_settings(os.environ)
    jars.resolve_all(shared, (*jars.NAMES, "flink"))
    with ExitStack() as running:
        settings = running.enter_context(sandbox(shared, name))
        kafka_and_cassandra = services(settings)
        for service in kafka_and_cassandra:
            running.enter_context(service.running())
        cluster = running.enter_context(running_cluster(settings))
        cluster.services.update({service.name: service for service in kafka_and_cassandra})
        yield cluster, running.enter_context(schema.connect(settings, keyspace=None))
