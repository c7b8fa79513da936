"""The services of a benchmark: a Kafka, a Cassandra and perhaps a Flink cluster of its own, for its duration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.measure import CASSANDRA, KAFKA, wait_until_idle
from local import jars, schema, topics
from local.console import step
from local.flink_services import flink_services
from local.sandbox import sandbox
from local.service import Service
from local.services import cassandra_nodes, kafka
from local.settings import LocalSettings

_LIKE_PRODUCTION = (
    # Cassandra's own default, which production has. The local node syncs each write, to survive a kill -9 alone.
    "-Dcassandra.config.allow_system_properties=true",
    "-Dcassandra.settings.commitlog_sync=periodic",
    "-Dcassandra.settings.commitlog_sync_period=10s",
)


class BenchServices:
    """What is up.

    Attributes:
        settings: where it is.
        kafka: the broker, with the job's topics.
        cassandra: the nodes, each of which has all rows; the tables are empty.
        flink: the servers of the Flink cluster, if there is one.
    """

    def __init__(self, settings: LocalSettings, *, flink: bool, nodes: int) -> None:
        """Describe the services; nothing is started."""
        self.settings = settings
        self.kafka = kafka(settings)
        self.cassandra = cassandra_nodes(settings, nodes, _LIKE_PRODUCTION)
        self.flink: tuple[Service, ...] = flink_services(settings) if flink else ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses of the Cassandra nodes."""
        return tuple(node.host for node in self.cassandra)

    @property
    def kinds(self) -> dict[int, str]:
        """The kind of each process of Kafka and Cassandra, by pid."""
        return {self.kafka.pid or 0: KAFKA, **{node.pid or 0: CASSANDRA for node in self.cassandra}}

    def settle(self) -> None:
        """Leave Cassandra to finish what it still has to do."""
        for node in self.cassandra:
            wait_until_idle(node.pid or 0)


@contextmanager
def running_services(shared: LocalSettings, *, flink: bool, nodes: int = 1) -> Iterator[BenchServices]:
    """Start everything, and stop it at the end.

    Args:
        shared: the settings of the user, whose jars are used and whose data is left alone.
        flink: whether there is a Flink cluster.
        nodes: of Cassandra.

    Raises:
        LocalError: if something does not come up, or another benchmark is running.
    """
    jars.resolve_all(shared, (*jars.NAMES, "flink") if flink else jars.NAMES)
    with sandbox(shared, "bench") as settings, ExitStack() as running:
        services = BenchServices(settings, flink=flink, nodes=nodes)
        everything = (services.kafka, *services.cassandra, *services.flink)
        with step("Starting services", f"{', '.join(service.name for service in everything)} are up"):
            for service in everything:
                running.callback(service.stop)
                service.start()
                if service in services.cassandra:  # a node joins those before it
                    service.wait_ready()
            for service in everything:
                service.wait_ready()
        schema.create(settings, replicas=nodes)
        topics.create(settings)
        yield services
