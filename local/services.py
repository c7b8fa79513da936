"""Kafka and Cassandra: how each is configured, started and asked whether it is there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from local import jars, ports, schema
from local.errors import LocalError
from local.service import Service
from local.settings import HOST, PROJECT, LocalSettings

CONFIG = PROJECT / "local" / "config"
_KAFKA_LOG_DATES = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
)
_KAFKA_CLUSTER_ID = "MergeUserCoursesLocalA"
_NODE_OF_SEVERAL = (
    "-Xmx600m",
    # It waits for its neighbours, and tells them of itself.
    "-Dcassandra.ring_delay_ms=4000",
    "-Dcassandra.skip_wait_for_gossip_to_settle=2",
)
"""Options of java of a node that is not alone, which win over those of cassandra-java.args."""


@dataclass(frozen=True)
class Place:
    """Where a Cassandra node is among others.

    Attributes:
        name: what the user calls it.
        host: the loopback address on which it listens.
        token: the end of its range of the ring.
        storage_port: where the nodes talk to each other, the same for all; None for a node that is alone.
    """

    name: str
    host: str
    token: int
    storage_port: int | None


def services(settings: LocalSettings) -> tuple[Service, Service]:
    """Kafka and Cassandra."""
    return kafka(settings), cassandra(settings)


def kafka(settings: LocalSettings, more: Sequence[str] = (), client: Mapping[str, Any] | None = None) -> Service:
    """A Kafka broker that is its own controller.

    Args:
        settings: says where it listens and where its data is.
        more: more lines of its configuration, which win.
        client: what a client needs to connect then, such as a login.
    """
    return Service(
        "Kafka",
        settings,
        port=settings.kafka_port,
        port_variable="KAFKA_PORT",
        prepare=lambda: _prepare_kafka(settings, more),
        answers=lambda: _kafka_answers(settings, client or {}),
    )


def cassandra(
    settings: LocalSettings,
    options: Sequence[str] = (),
    more: Sequence[str] = (),
    client: Mapping[str, Any] | None = None,
    place: Place | None = None,
    pom: str = "cassandra",
) -> Service:
    """A Cassandra node.

    Args:
        settings: says where it listens and where its data is.
        options: more options of java.
        more: more lines of its configuration.
        client: what a client needs to connect then, such as a login.
        place: its place among several nodes, if it is not alone.
        pom: names the jars that it runs on.
    """
    place = place or Place("Cassandra", HOST, 0, None)
    return Service(
        place.name,
        settings,
        port=settings.cassandra_port,
        port_variable="CASSANDRA_PORT",
        prepare=lambda: _prepare_cassandra(settings, place, options, more, pom),
        answers=lambda: _cassandra_answers(settings, place.host, client),
        host=place.host,
    )


def cassandra_nodes(
    settings: LocalSettings, count: int, options: Sequence[str] = (), *, in_data_centres: bool = False
) -> tuple[Service, ...]:
    """A Cassandra cluster: one node, or Cassandra-1 on 127.0.0.1, Cassandra-2 on 127.0.0.2 and so on.

    Several are to be started one after the other, each when the one before answers.

    Args:
        settings: says where they listen and where their data is.
        count: how many.
        options: more options of java.
        in_data_centres: whether each is in a data centre of its own: 0 on 127.0.0.1, 1 on 127.1.0.1 and so on.
    """
    if count == 1:
        return (cassandra(settings, options),)
    (storage_port,) = ports.free_ports(1)
    address = "127.{}.0.1" if in_data_centres else "127.0.0.{}"
    places = [
        Place(
            f"Cassandra-{i + 1}",
            address.format(i if in_data_centres else i + 1),
            -(2**63) + i * 2**64 // count,
            storage_port,
        )
        for i in range(count)
    ]
    options = (*_NODE_OF_SEVERAL, *options)
    lines = ["auto_bootstrap: false"]
    if in_data_centres:
        # It takes the second number of an address for the data centre.
        lines.append("endpoint_snitch: RackInferringSnitch")
    return tuple(cassandra(settings, options, lines, place=place) for place in places)


def _prepare_kafka(settings: LocalSettings, more: Sequence[str]) -> list[str]:
    data = data_dir(settings, "kafka")
    (controller_port,) = ports.free_ports(1)
    properties = configure(
        settings,
        "server.properties",
        {"port": settings.kafka_port, "controller_port": controller_port, "data": data},
        more=more,
    )
    class_path = jars.class_path(settings, "kafka")
    java = [java_program(), "-Xmx512m", *_KAFKA_LOG_DATES, "-cp", class_path]
    if not (data / "meta.properties").exists():
        format_data = ["kafka.tools.StorageTool", "format", "-t", _KAFKA_CLUSTER_ID, "-c", str(properties)]
        formatted = subprocess.run(
            [*java, *format_data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if formatted.returncode:
            msg = f"Kafka could not format {data}; remove that folder and try again: {formatted.stdout.strip()}"
            raise LocalError(msg)
    return [*java, "kafka.Kafka", str(properties)]


def _prepare_cassandra(
    settings: LocalSettings, place: Place, options: Sequence[str], more: Sequence[str], pom: str
) -> list[str]:
    data = data_dir(settings, place.name.lower())
    values = {
        "host": place.host,
        "port": settings.cassandra_port,
        "storage_port": place.storage_port or ports.free_ports(1)[0],
        "token": place.token,
    }
    yaml = configure(settings, "cassandra.yaml", values, to=f"{place.name.lower()}.yaml", more=more)
    return [
        java_program(),
        f"@{CONFIG / 'cassandra-java.args'}",
        f"-Dcassandra.config={yaml.as_uri()}",
        f"-Dcassandra.storagedir={data}",
        f"-Dlogback.configurationFile={CONFIG / 'cassandra-logback.xml'}",
        *options,
        *("-cp", jars.class_path(settings, pom)),
        "org.apache.cassandra.service.CassandraDaemon",
    ]


def _kafka_answers(settings: LocalSettings, client: Mapping[str, Any]) -> bool:
    try:
        admin = KafkaAdminClient(bootstrap_servers=settings.kafka_address, **client)
    except KafkaError:
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()


def _cassandra_answers(settings: LocalSettings, host: str, client: Mapping[str, Any] | None) -> bool:
    try:
        with schema.connect(settings, "system", client, hosts=[host]) as session:
            session.execute("SELECT key FROM local")
    except (NoHostAvailable, DriverException):
        return False
    return True


def data_dir(settings: LocalSettings, name: str) -> Path:
    """The folder of a service's data, which exists from now on."""
    data = settings.data_dir / "data" / name
    data.mkdir(parents=True, exist_ok=True)
    return data


def configure(
    settings: LocalSettings,
    template: str,
    values: Mapping[str, object],
    *,
    to: str = "",
    more: Sequence[str] = (),
) -> Path:
    """Fill in a configuration file.

    Args:
        settings: says where it goes.
        template: the file in CONFIG.
        values: its variables.
        to: where it goes in the folder of running services, if not to the same name.
        more: lines at its end, which may have the same variables.

    Returns:
        where it is written.
    """
    path = settings.data_dir / "run" / (to or template)
    text = "\n".join([(CONFIG / template).read_text(), *more])
    path.write_text(Template(text).substitute(values))
    return path


def java_program() -> str:
    """The java that services run on."""
    java_home = os.environ.get("JAVA_HOME")
    return f"{java_home}/bin/java" if java_home else "java"
