"""The job on a Flink cluster, to which a benchmark publishes events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.measure import JVM, PYTHON, Sampler
from benchmarks.options import BenchOptions
from benchmarks.processes import patience_s, started, wait_for
from benchmarks.services import BenchServices
from benchmarks.topics import Event, Topics
from local.run import pipeline_command
from local.settings import HOST
from pipeline.flink.cluster import FlinkCluster


@dataclass(frozen=True, slots=True)
class Merged:
    """When each event was published, and when its last sync request was, in s since the epoch, by to account."""

    published: dict[str, float]
    done: dict[str, float]

    @property
    def latencies_s(self) -> list[float]:
        """How long each event took, in the order of their publishing."""
        return [self.done[account] - at for account, at in self.published.items()]


class JobOnFlink:
    """The job, running on the cluster."""

    def __init__(self, services: BenchServices, options: BenchOptions) -> None:
        """Take what it runs on."""
        self._topics, self._requests = Topics(services.settings), options.shape.enrolments_after

    def merge(self, events: Sequence[Event], *, per_s: float | None = None) -> Merged:
        """Publish events, so many a second or all at once, and wait until they are merged.

        Raises:
            LocalError: if they are not.
        """
        start_offset = self._topics.end()
        published = self._topics.publish(events, per_s=per_s)
        self._topics.wait_for(start_offset + len(events) * self._requests, patience_s(len(events)))
        return Merged(published, self._topics.completions(start_offset, events, self._requests))


@contextmanager
def job_on_flink(services: BenchServices, sampler: Sampler, options: BenchOptions) -> Iterator[JobOnFlink]:
    """Submit the job to the cluster, whose processes are sampled from then on; it is cancelled at the end.

    Raises:
        LocalError: if it cannot be submitted.
    """
    for service in services.flink:
        sampler.add(service.pid or 0, PYTHON if service.name == "Worker-pool" else JVM)
    _submit(services, options)
    try:
        yield JobOnFlink(services, options)
    finally:
        _cancel(services)


def _submit(services: BenchServices, options: BenchOptions) -> None:
    settings = services.settings
    command = pipeline_command(
        settings,
        "--runner=FlinkRunner",
        f"--flink_master={settings.flink_address}",
        f"--flink_job_server_jar={settings.flink_job_server_jar}",
        f"--environment_config={HOST}:{settings.worker_pool_port}",
        f"--parallelism={options.parallelism}",
        f"--lms_cassandra_host={','.join(services.hosts)}",
        *options.pipeline_options,
    )
    log = settings.logs_dir / "pipeline.log"
    with started(command, log) as process:
        wait_for(process, log, events=0)


def _cancel(services: BenchServices) -> None:
    cluster = FlinkCluster(services.settings.flink_address)
    for job in cluster.running_jobs():
        cluster.cancel(job.id)
