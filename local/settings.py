"""Where everything of a local run lives, and the ports it listens on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

PROJECT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
TASK_MANAGERS = 2
FLINK_PORTS = 4 + 2 * TASK_MANAGERS
"""From FLINK_PORT on: the REST API, ZooKeeper, the worker pool, the TaskManagers, the metrics of each."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The settings of one set of services.

    Attributes:
        data_dir: holds all that the services write: data, logs, pid files, configuration.
        jars_dir: holds the resolved jars, which sets of services may share.
        kafka_port: where Kafka listens.
        cassandra_port: where Cassandra listens.
        flink_port: where Flink's REST API listens, and the first of FLINK_PORTS ports in a row.
    """

    data_dir: Path
    jars_dir: Path
    kafka_port: int
    cassandra_port: int
    flink_port: int

    @property
    def kafka_address(self) -> str:
        """Kafka's bootstrap server."""
        return f"{HOST}:{self.kafka_port}"

    @property
    def flink_address(self) -> str:
        """Flink's REST API."""
        return f"{HOST}:{self.flink_port}"

    @property
    def zookeeper_port(self) -> int:
        """Where Flink's ZooKeeper listens."""
        return self.flink_port + 1

    @property
    def worker_pool_port(self) -> int:
        """Where the pool of Python workers listens; jobs know it by this port, so it must never change."""
        return self.flink_port + 2

    def task_manager_port(self, number: int) -> int:
        """Where a TaskManager listens; numbers start at 1."""
        return self.flink_port + 2 + number

    @property
    def metrics_ports(self) -> dict[str, int]:
        """Where Prometheus scrapes each of Flink's servers, by its name."""
        servers = ["JobManager", *(f"TaskManager-{number}" for number in range(1, TASK_MANAGERS + 1))]
        return {server: self.flink_port + 3 + TASK_MANAGERS + i for i, server in enumerate(servers)}

    @property
    def logs_dir(self) -> Path:
        """Where the logs are."""
        return self.data_dir / "logs"

    @property
    def expansion_service_jar(self) -> Path:
        """The jar that Beam starts for its Java transforms."""
        return self.jars_dir / "beam" / "expansion-service.jar"

    @property
    def flink_job_server_jar(self) -> Path:
        """The jar that Beam starts to submit a job to Flink."""
        return self.jars_dir / "beam" / "flink-job-server.jar"


def read_settings(environ: Mapping[str, str]) -> LocalSettings:
    """Read the settings from environment variables.

    Args:
        environ: DATA_DIR (default .local in the project), KAFKA_PORT (9092), CASSANDRA_PORT (9042), FLINK_PORT
            (8081).

    Raises:
        LocalError: if one of them is wrong.
    """
    data_dir = Path(environ.get("DATA_DIR") or PROJECT / ".local").expanduser().resolve()
    if data_dir.exists() and not data_dir.is_dir():
        msg = f"DATA_DIR is {data_dir}, which is a file; set it to a folder."
        raise LocalError(msg)
    kafka_port = _port(environ, "KAFKA_PORT", 9092)
    cassandra_port = _port(environ, "CASSANDRA_PORT", 9042)
    flink_port = _port(environ, "FLINK_PORT", 8081, highest=65535 - FLINK_PORTS + 1)
    if kafka_port == cassandra_port:
        msg = f"KAFKA_PORT and CASSANDRA_PORT are both {kafka_port}; set one of them to another port."
        raise LocalError(msg)
    for variable, port in (("KAFKA_PORT", kafka_port), ("CASSANDRA_PORT", cassandra_port)):
        if port in (taken := range(flink_port, flink_port + FLINK_PORTS)):
            msg = f"{variable} is {port}, but Flink takes {taken[0]} to {taken[-1]}; set one of them to another."
            raise LocalError(msg)
    return LocalSettings(data_dir, data_dir / "jars", kafka_port, cassandra_port, flink_port)


def _port(environ: Mapping[str, str], variable: str, default: int, highest: int = 65535) -> int:
    text = environ.get(variable) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= highest):
        msg = f"{variable} is {text!r}; set it to a port number from 1 to {highest}."
        raise LocalError(msg)
    return int(text)
