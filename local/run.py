"""The pipeline, run against what is up."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from local.commands import foreground
from local.errors import LocalError
from local.services import services
from local.settings import HOST, LocalSettings


def run(settings: LocalSettings, args: Sequence[str]) -> int:
    """Merge the backlog on DirectRunner; returns the pipeline's exit code.

    Args:
        settings: says where the services are.
        args: more options of the pipeline; they win over the ones from here.

    Raises:
        LocalError: if the services are not up.
    """
    for service in services(settings):
        if not service.is_running():
            msg = f"{service.name} is not up; start it with ./run_local.sh up."
            raise LocalError(msg)
        service.check_port()
    return foreground(pipeline_command(settings, "--runner=DirectRunner", *args))


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
