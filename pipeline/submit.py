"""Submits the job to a Flink cluster, where it runs until it is stopped."""

from __future__ import annotations

import os
import time
from pathlib import Path

from apache_beam.options.pipeline_options import FlinkRunnerOptions, GoogleCloudOptions, PipelineOptions
from apache_beam.runners.runner import PipelineResult, PipelineState
from rich.console import Console

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.variables import Settings
from pipeline.flink.cluster import FlinkCluster, FlinkError, FlinkJob
from pipeline.flink.job import build_job, flink_options
from pipeline.kafka.limits import limits_at_start
from pipeline.kafka.topics import ON_FLINK, check_topics, expansion_service
from pipeline.run import check_tables

_CLIENT = Path(__file__).parent / "flink" / "client"
_POLL_S = 0.5


def submit(settings: Settings, console: Console) -> FlinkJob:
    """Submit the job and leave it running on the cluster.

    A job of the same name that runs already is left alone: two of one consumer group would both read everything.

    Args:
        settings: the settings of the run.
        console: where progress is shown.

    Returns:
        the running job, which may have run before.

    Raises:
        ConfigError: if no cluster is named, or Kafka or Cassandra refuses the login or lacks a topic or table.
        ServiceError: if Kafka or Cassandra does not answer.
        FlinkError: if the cluster does not answer, or does not run the job.
    """
    options = flink_options(settings)
    cluster = FlinkCluster(_flink_master(options))
    name = options.view_as(GoogleCloudOptions).job_name
    if running := [job for job in cluster.running_jobs() if job.name == name]:
        console.print(
            f"{name} runs on {cluster.url} already, as {running[0].id}: nothing is submitted. To change its "
            "configuration, code or parallelism, stop it with a savepoint first, and submit it from there."
        )
        return running[0]
    check_tables(settings)
    check_topics(settings.kafka)
    earlier = {job.id for job in cluster.jobs()}
    service = expansion_service(settings.kafka, ON_FLINK)
    os.environ.setdefault("FLINK_CONF_DIR", str(_CLIENT))  # Beam's job server, a child of this process, reads it
    # The service is started once, not for each transform that it expands.
    with console.status(f"Submitting {name} to {cluster.url} …"), service:
        result = build_job(settings, options, limits_at_start(settings.kafka), service).run()
        job = _wait_until_running(result, cluster, name, earlier)
    console.print(f"{name} runs as {job.id}, see {cluster.job_url(job.id)}")
    return job


def _flink_master(options: PipelineOptions) -> str:
    master: str = options.view_as(FlinkRunnerOptions).flink_master
    if master.startswith("["):
        msg = f"--flink_master is {master}: give HOST:PORT of the cluster's REST API."
        raise ConfigError(msg)
    return master


def _wait_until_running(result: PipelineResult, cluster: FlinkCluster, name: str, earlier: set[str]) -> FlinkJob:
    while True:
        for job in cluster.jobs():
            if job.name == name and job.id not in earlier:
                if job.state == "RUNNING":
                    return job
                if job.is_ended:
                    msg = f"The job {job.id} has ended as {job.state}: {cluster.failure(job.id)}"
                    raise FlinkError(msg)
        if result.state == PipelineState.FAILED:
            try:
                result.wait_until_finish()
            except RuntimeError as e:
                msg = f"The job could not be submitted: {e}"
                raise FlinkError(msg) from e
        time.sleep(_POLL_S)
