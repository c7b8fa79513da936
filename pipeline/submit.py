"""Submits the job to a Flink cluster, where it runs until it is stopped."""

from __future__ import annotations

import time

import apache_beam as beam
from apache_beam.options.pipeline_options import FlinkRunnerOptions, GoogleCloudOptions, PipelineOptions
from apache_beam.runners.runner import PipelineResult, PipelineState
from apache_beam.transforms.external import JavaJarExpansionService
from rich.console import Console

from pipeline.flink_cluster import FlinkCluster, FlinkError, FlinkJob
from pipeline.graph import build_graph
from pipeline.kafka import ON_FLINK, ReadMergeEvents, check_topics, expansion_service, write_outputs
from pipeline.run import check_tables
from pipeline.settings import ConfigError, Settings

_DEFAULTS = (
    "--streaming",
    "--flink_version=1.19",
    # The Python stages run in a worker pool beside each TaskManager.
    "--environment_type=EXTERNAL",
    "--environment_config=localhost:50000",
    # As given to the expansion service: without it, the read fails at the first checkpoint.
    "--experiments=use_deprecated_read",
    "--checkpointing_interval=10000",
    # Else a checkpoint commits offsets of events whose outputs are not written yet, only kept in its state.
    "--finish_bundle_before_checkpointing",
    "--externalized_checkpoints_enabled",
    "--retain_externalized_checkpoints_on_cancellation",
    # An event passes five stages, each of which waits this long for more.
    "--max_bundle_time_mills=200",
)
"""Options of Beam, before those of the command line, which win."""

_POLL_S = 0.5


def submit(settings: Settings, console: Console) -> FlinkJob:
    """Submit the job and leave it running on the cluster.

    Args:
        settings: the settings of the run.
        console: where progress is shown.

    Returns:
        the running job.

    Raises:
        ConfigError: if no cluster is named, a service cannot be reached or lacks a table, or the job runs already.
        FlinkError: if the cluster does not answer, or does not run the job.
    """
    options = flink_options(settings)
    cluster = FlinkCluster(_flink_master(options))
    name = options.view_as(GoogleCloudOptions).job_name
    if running := [job.id for job in cluster.running_jobs() if job.name == name]:
        msg = (
            f"--job_name {name} runs on {cluster.url} already, as {running[0]}: stop that first, since two jobs "
            "of one consumer group would both read everything."
        )
        raise ConfigError(msg)
    check_tables(settings)
    check_topics(settings.kafka)
    earlier = {job.id for job in cluster.jobs()}
    service = expansion_service(settings.kafka, ON_FLINK)
    # The service is started once, not for each transform that it expands.
    with console.status(f"Submitting {name} to {cluster.url} …"), service:
        result = _build(settings, options, service).run()
        job = _wait_until_running(result, cluster, name, earlier)
    console.print(f"{name} runs as {job.id}, see {cluster.job_url(job.id)}")
    return job


def flink_options(settings: Settings) -> PipelineOptions:
    """Beam's options of a job on Flink: those of the command line, and our defaults for the rest."""
    return PipelineOptions([*_DEFAULTS, f"--job_name={settings.env}-merge-user-courses", *settings.beam_args])


def _flink_master(options: PipelineOptions) -> str:
    master: str = options.view_as(FlinkRunnerOptions).flink_master
    if master.startswith("["):
        msg = f"--flink_master is {master}: give HOST:PORT of the cluster's REST API."
        raise ConfigError(msg)
    return master


def _build(settings: Settings, options: PipelineOptions, service: JavaJarExpansionService) -> beam.Pipeline:
    pipeline = beam.Pipeline(options=options)
    source = pipeline | "ReadFromKafka" >> ReadMergeEvents(settings.kafka, service)
    outputs = build_graph(source, settings.cassandra, settings.merge)
    write_outputs(outputs, settings.kafka, service)
    return pipeline


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
