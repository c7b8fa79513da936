"""The job on a Flink cluster of this machine: submit, follow, stop, resume, upgrade."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from local import commands, jars
from local.console import console, step
from local.errors import LocalError
from local.flink_services import flink_services
from local.run import pipeline_command
from local.services import data_dir
from local.settings import HOST, LocalSettings
from local.topics import FAILED_TOPIC, GROUP, INPUT_TOPIC, SYNC_TOPIC
from pipeline.flink.cluster import FlinkCluster, FlinkError, FlinkJob

_FOLLOW_S = 2


def flink(settings: LocalSettings, args: Sequence[str]) -> int:
    """Submit the job and follow it, or do with it what the first argument says.

    Args:
        settings: says where the services are.
        args: stop, resume, upgrade or nothing of these, and then options of the pipeline.

    Returns:
        the exit code: 0 unless the job could not be submitted, or has failed.

    Raises:
        LocalError: if a service does not come up, or there is nothing to stop or to resume.
    """
    try:
        match args:
            case ["stop"]:
                return stop(settings)
            case ["resume", *options]:
                return resume(settings, options)
            case ["upgrade", *options]:
                return stop(settings) or resume(settings, options)
            case options:
                return start(settings, options)
    except FlinkError as e:
        raise LocalError(str(e)) from e


def start(settings: LocalSettings, options: Sequence[str]) -> int:
    """Bring everything up, submit the job if it does not run yet, and follow it."""
    _up(settings)
    if job := _running_job(settings):
        console.print(f"{job.name} runs already, see {FlinkCluster(settings.flink_address).job_url(job.id)}")
        return follow(settings, job)
    return _submit(settings, options)


def stop(settings: LocalSettings) -> int:
    """Stop the job with a savepoint."""
    job = _running_job(settings)
    if job is None:
        msg = "No job runs on Flink; submit one with ./run_local.sh flink."
        raise LocalError(msg)
    with step(f"Stopping {job.name}", f"{job.name} is stopped"):
        savepoint = FlinkCluster(settings.flink_address).stop_with_savepoint(job.id)
    console.print(f"Its savepoint is {savepoint}; go on from there with ./run_local.sh flink resume.")
    return 0


def resume(settings: LocalSettings, options: Sequence[str]) -> int:
    """Submit the job from its latest savepoint, or from its latest checkpoint if that is later, and follow it."""
    _up(settings)
    if job := _running_job(settings):
        msg = f"{job.name} runs; stop it first with ./run_local.sh flink stop."
        raise LocalError(msg)
    state = _latest_state(data_dir(settings, "flink"))
    console.print(f"Going on from {state.as_uri()}.")
    return _submit(settings, [f"--savepoint_path={state.as_uri()}", *options])


def follow(settings: LocalSettings, job: FlinkJob) -> int:
    """Show the job's progress until it ends, or until Ctrl-C; returns 1 if it has failed, else 0."""
    console.print("Following it; Ctrl-C ends that, and leaves the job running.")
    cluster = FlinkCluster(settings.flink_address)
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_address, group_id=GROUP, enable_auto_commit=False)
    shown = ""
    try:
        with console.status("") as status:
            while not job.is_ended:
                job = cluster.job(job.id)
                progress = f"{job.state}: {_records(consumer)}"
                if progress != shown:
                    console.print(f"{time.strftime('%H:%M:%S')} {progress}")
                    shown = progress
                status.update(f"{job.state}, {_checkpoints(cluster, job.id)}")
                time.sleep(_FOLLOW_S)
    except KeyboardInterrupt:
        console.print("The job runs on; stop it with ./run_local.sh flink stop.")
        return 0
    finally:
        consumer.close()
    if failure := cluster.failure(job.id):
        console.print(failure, style="red", markup=False)
    return 1 if job.state == "FAILED" else 0


def _up(settings: LocalSettings) -> None:
    jars.resolve_all(settings, (*jars.NAMES, "flink"))
    commands.up(settings, flink_services(settings))
    console.print(f"Flink's dashboard is at http://{settings.flink_address}")


def _submit(settings: LocalSettings, options: Sequence[str]) -> int:
    exit_code = commands.foreground(
        pipeline_command(
            settings,
            "--runner=FlinkRunner",
            f"--flink_master={settings.flink_address}",
            f"--flink_job_server_jar={settings.flink_job_server_jar}",
            f"--environment_config={HOST}:{settings.worker_pool_port}",
            *options,
        )
    )
    job = _running_job(settings)
    return follow(settings, job) if exit_code == 0 and job else exit_code


def _running_job(settings: LocalSettings) -> FlinkJob | None:
    return next(iter(FlinkCluster(settings.flink_address).running_jobs()), None)


def _latest_state(folder: Path) -> Path:
    """The folder of the latest complete savepoint or retained checkpoint."""
    complete = sorted(folder.glob("*/**/_metadata"), key=lambda file: file.stat().st_mtime)
    if not complete:
        msg = "There is no savepoint to go on from; submit the job with ./run_local.sh flink."
        raise LocalError(msg)
    return complete[-1].parent


def _checkpoints(cluster: FlinkCluster, job_id: str) -> str:
    checkpoints = cluster.checkpoints(job_id)
    text = f"{checkpoints.completed} checkpoints" + (
        f", {checkpoints.failed} failed" if checkpoints.failed else ""
    )
    if not checkpoints.completed:
        return text
    return f"{text}, the latest {time.time() - checkpoints.latest_ms / 1000:.0f} s ago"


def _records(consumer: KafkaConsumer) -> str:
    """Counts records in Kafka itself, since the counts of Flink start anew whenever the job restarts."""

    def end_offsets(topic: str) -> dict[TopicPartition, int]:
        partitions = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic) or ()]
        offsets: dict[TopicPartition, int] = consumer.end_offsets(partitions)
        return offsets

    published = end_offsets(INPUT_TOPIC)
    committed = sum(consumer.committed(partition) or 0 for partition in published)
    total, requests, failed = (
        sum(ends.values()) for ends in (published, end_offsets(SYNC_TOPIC), end_offsets(FAILED_TOPIC))
    )
    return f"{committed:,} of {total:,} events done, {requests:,} sync requests, {failed:,} failed"
