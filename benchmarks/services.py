"""The services of a benchmark: a Kafka, a Cassandra and perhaps a Flink cluster of its own, for its duration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from local import jars, schema, topics
from local.console import step
from local.flink_services import flink_services
from local.sandbox import sandbox
from local.service import Service
from local.services import cassandra, kafka
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
        cassandra: the node, with empty tables.
        flink: the servers of the Flink cluster, if there is one.
    """

    def __init__(self, settings: LocalSettings, *, flink: bool) -> None:
        """Describe the services; nothing is started."""
        self.settings = settings
        self.kafka = kafka(settings)
        self.cassandra = cassandra(settings, _LIKE_PRODUCTION)
        self.flink: tuple[Service, ...] = flink_services(settings) if flink else ()


@contextmanager
def running_services(shared: LocalSettings, *, flink: bool) -> Iterator[BenchServices]:
    """Start everything, and stop it at the end.

    Args:
        shared: the settings of the user, whose jars are used and whose data is left alone.
        flink: whether there is a Flink cluster.

    Raises:
        LocalError: if something does not come up, or another benchmark is running.
    """
    jars.resolve_all(shared, (*jars.NAMES, "flink") if flink else jars.NAMES)
    with sandbox(shared, "bench") as settings, ExitStack() as running:
        services = BenchServices(settings, flink=flink)
        everything = (services.kafka, services.cassandra, *services.flink)
        with step("Starting services", f"{', '.join(service.name for service in everything)} are up"):
            for service in everything:
                running.callback(service.stop)
                service.start()
            for service in everything:
                service.wait_ready()
        schema.create(settings)
        topics.create(settings)
        yield services
