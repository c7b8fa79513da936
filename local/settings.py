"""Where everything of a local run lives, and the ports it listens on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

PROJECT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The settings of one set of services.

    Attributes:
        data_dir: holds all that the services write: data, logs, pid files, configuration.
        jars_dir: holds the resolved jars, which sets of services may share.
        kafka_port: where Kafka listens.
        cassandra_port: where Cassandra listens.
    """

    data_dir: Path
    jars_dir: Path
    kafka_port: int
    cassandra_port: int

    @property
    def kafka_address(self) -> str:
        """Kafka's bootstrap server."""
        return f"{HOST}:{self.kafka_port}"

    @property
    def logs_dir(self) -> Path:
        """Where the logs are."""
        return self.data_dir / "logs"

    @property
    def expansion_service_jar(self) -> Path:
        """The jar that Beam starts for its Java transforms."""
        return self.jars_dir / "beam" / "expansion-service.jar"


def read_settings(environ: Mapping[str, str]) -> LocalSettings:
    """Read the settings from environment variables.

    Args:
        environ: DATA_DIR (default .local in the project), KAFKA_PORT (9092), CASSANDRA_PORT (9042).

    Raises:
        LocalError: if one of them is wrong.
    """
    data_dir = Path(environ.get("DATA_DIR") or PROJECT / ".local").expanduser().resolve()
    if data_dir.exists() and not data_dir.is_dir():
        msg = f"DATA_DIR is {data_dir}, which is a file; set it to a folder."
        raise LocalError(msg)
    kafka_port = _port(environ, "KAFKA_PORT", 9092)
    cassandra_port = _port(environ, "CASSANDRA_PORT", 9042)
    if kafka_port == cassandra_port:
        msg = f"KAFKA_PORT and CASSANDRA_PORT are both {kafka_port}; set one of them to another port."
        raise LocalError(msg)
    return LocalSettings(data_dir, data_dir / "jars", kafka_port, cassandra_port)


def _port(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        msg = f"{variable} is {text!r}; set it to a port number from 1 to 65535."
        raise LocalError(msg)
    return int(text)
