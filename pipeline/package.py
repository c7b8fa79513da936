"""Writes the job as one jar, which Flink runs as an application: a cluster with this job, that takes no other."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions
from apache_beam.runners.runner import PipelineState
from rich.console import Console

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.variables import Settings
from pipeline.flink.cluster import FlinkError
from pipeline.flink.jars import BEAM_SERVERS, is_resolved
from pipeline.flink.job import ENTRY_CLASS, build_job, flink_options
from pipeline.kafka.limits import limits_at_start
from pipeline.kafka.topics import ON_FLINK, check_topics, expansion_service
from pipeline.run import check_tables
from transforms.records import RecordLimits

_OF_THE_CLUSTER = {
    "parallelism": "the cluster's parallelism.default counts",
    "savepoint_path": "whoever runs the job says where it goes on from",
    "flink_master": "the job runs wherever the jar is started",
}
"""Options that are no part of a packaged job, and why."""


def package(settings: Settings, output: str | None, console: Console, *, skip_checks: bool = False) -> None:
    """Write the job as one jar, with all of Beam's Java side in it, and no secret, parallelism or savepoint.

    The file appears whole or not at all.

    Args:
        settings: the settings of the run.
        output: the path of the jar, which is written anew if it exists.
        console: where progress is shown.
        skip_checks: ask neither Kafka nor Cassandra. What each topic takes is then Kafka's default.

    Raises:
        ConfigError: if there is an option that belongs to the cluster, Beam's jars are not named, the file cannot
            be written, or Kafka or Cassandra refuses the login or lacks a topic or table.
        ServiceError: if Kafka or Cassandra does not answer.
        FlinkError: if the job cannot be translated.
    """
    if output is None:
        msg = "--output is not given: name the jar that is to be written."
        raise ConfigError(msg)
    options = flink_options(settings)
    _refuse_options_of_the_cluster(options)
    jars = _jars(options)
    if not skip_checks:
        check_tables(settings)
        check_topics(settings.kafka)
    limits = RecordLimits() if skip_checks else limits_at_start(settings.kafka)
    service = expansion_service(settings.kafka, ON_FLINK)
    jar = Path(output).absolute()
    try:
        with TemporaryDirectory(dir=jar.parent, prefix=f"{jar.name}-") as scratch:
            written = Path(scratch) / jar.name
            options = flink_options(settings, f"--output_executable_path={written}")
            with console.status(f"Writing {output} …"), service:
                _translate(build_job(settings, options, limits, service))
            _add_libraries(written, jars)
            written.replace(jar)
    except OSError as e:
        msg = f"--output: {output} cannot be written: {e}"
        raise ConfigError(msg) from e
    size = jar.stat().st_size / 1e6
    console.print(f"{output} is written, {size:.0f} MB; Flink runs it by its class {ENTRY_CLASS}.", markup=False)


def _refuse_options_of_the_cluster(options: PipelineOptions) -> None:
    given = options.get_all_options(drop_default=True, retain_unknown_options=True)
    if problems := [
        f"--{name} is no part of a packaged job, since {reason}: leave it out."
        for name, reason in _OF_THE_CLUSTER.items()
        if name in given
    ]:
        raise ConfigError("\n".join(problems))


def _jars(options: PipelineOptions) -> list[Path]:
    server = options.view_as(FlinkRunnerOptions).flink_job_server_jar
    folder = Path(server or "").parent
    if server is None or not is_resolved(folder):
        msg = (
            f"--flink_job_server_jar is {server or 'not given'}: give the flink-job-server.jar of a folder that "
            "this version's `merge-user-courses jars` has filled, since what lies there goes into the job."
        )
        raise ConfigError(msg)
    return sorted(jar for jar in folder.glob("*.jar") if jar.name not in BEAM_SERVERS)


def _translate(pipeline: Any) -> None:
    """Have Beam's job server write the jar that `pipeline` names, which holds the graph and the Flink runner."""
    result = pipeline.run()
    try:
        state = result.wait_until_finish()
    except RuntimeError as e:
        msg = f"The job could not be packaged: {e}"
        raise FlinkError(msg) from e
    if state != PipelineState.DONE:
        msg = f"The job could not be packaged: Beam's job server ended with {state}."
        raise FlinkError(msg)


def _add_libraries(job: Path, jars: Iterable[Path]) -> None:
    """Put jars into the job's lib/: what a program has there, Flink sends to all TaskManagers."""
    with zipfile.ZipFile(job, "a") as archive:  # stored: they are compressed themselves
        for jar in jars:
            archive.write(jar, f"lib/{jar.name}")
