"""The pipeline, the replay of its failed events and what operators ask, run against what is up."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from local.commands import foreground
from local.errors import LocalError
from local.service import Service
from local.services import cassandra, kafka, services
from local.settings import HOST, LocalSettings


def run(settings: LocalSettings, args: Sequence[str]) -> int:
    """Merge the backlog on DirectRunner; returns the pipeline's exit code.

    Args:
        settings: says where the services are.
        args: more options of the pipeline; they win over the ones from here.

    Raises:
        LocalError: if the services are not up.
    """
    _check_up(services(settings))
    return foreground(pipeline_command(settings, "--runner=DirectRunner", *args))


def replay(settings: LocalSettings, args: Sequence[str]) -> int:
    """Replay failed events; returns the exit code of the replay.

    Args:
        settings: says where Kafka is.
        args: more options of the replay; they win over the one from here.

    Raises:
        LocalError: if Kafka is not up.
    """
    _check_up([kafka(settings)])
    address = f"--kafka_broker_servers={settings.kafka_address}"
    return foreground([sys.executable, "-m", "pipeline.replay", address, *args])


def ask(settings: LocalSettings, command: str, args: Sequence[str]) -> int:
    """Run one of the operators' commands, which read Cassandra, and `verify` Kafka too; returns its exit code.

    Args:
        settings: says where these are.
        command: its name.
        args: its options; they win over the ones from here.

    Raises:
        LocalError: if they are not up.
    """
    needed = [cassandra(settings)]
    address = [f"--lms_cassandra_host={HOST}", f"--lms_cassandra_port={settings.cassandra_port}"]
    if command == "verify":
        needed.append(kafka(settings))
        address.append(f"--kafka_broker_servers={settings.kafka_address}")
    _check_up(needed)
    return foreground([sys.executable, "-m", "pipeline", command, *address, *args])


def _check_up(needed: Iterable[Service]) -> None:
    for service in needed:
        if not service.is_running():
            msg = f"{service.name} is not up; start it with ./run_local.sh up."
            raise LocalError(msg)
        service.check_port()


def pipeline_command(settings: LocalSettings, *options: str) -> list[str]:
    """The command of the pipeline on these services.

    Args:
        settings: says where the services are.
        options: more options, of which the runner.
    """
    return [
        *(sys.executable, "-m", "pipeline"),
        f"--kafka_broker_servers={settings.kafka_address}",
        f"--lms_cassandra_host={HOST}",
        f"--lms_cassandra_port={settings.cassandra_port}",
        f"--kafka_expansion_service_jar={settings.expansion_service_jar}",
        *options,
    ]
