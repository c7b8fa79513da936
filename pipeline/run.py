"""Runs the job on DirectRunner: merges the backlog of the group, and no more."""

from __future__ import annotations

import math
import time

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult, PipelineState
from apache_beam.utils.subprocess_server import SubprocessServer
from kafka.errors import KafkaError
from rich.console import Console

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.variables import Settings
from pipeline.graph import build_graph
from pipeline.java_worker import end_at_once
from pipeline.kafka.backlog import Backlog, RecordOffsets, offsets_read, open_backlog
from pipeline.kafka.limits import LimitsOnWorker, limits_at_start
from pipeline.kafka.topics import ReadBounds, ReadMergeEvents, check_topics, expansion_service, write_outputs
from pipeline.open_store import open_store
from pipeline.report import RunMetrics
from transforms.records import RecordLimits

_MOST_RECORDS_A_PASS = 9_999
"""From 10,000 records on, KafkaIO splits a bounded read by partition and gives each split an equal share, so that
a partition with less than its share would be waited for."""

_MOST_BYTES_A_PASS = 16_777_216
"""DirectRunner keeps all that a pass reads and makes in memory, in several forms."""

_PACED_S = 5
"""With a pace, a pass has no more than the events of so many seconds, since it merges them as fast as it can."""

_LONGEST_READ_S = 10
"""How long a pass waits for the records that it was promised."""


def run_backlog(settings: Settings, console: Console) -> RunMetrics:
    """Merge the backlog that the group has now, follow-ups included, in passes of a bounded pipeline.

    The offsets of a pass are committed when all its outputs are written. So a run that is killed or fails loses
    nothing: the next one repeats the pass, and merging is idempotent.

    Args:
        settings: the settings of the run.
        console: where progress is shown.

    Returns:
        the metrics of all passes together.

    Raises:
        ServiceError: if a service does not answer.
        ConfigError: if a topic or table does not exist, or a service refuses the login.
        GroupInUseError: if another run or a job on a cluster merges for the group meanwhile.
    """
    check_tables(settings)
    check_topics(settings.kafka)
    end_at_once()
    try:
        # The cache keeps one expansion service alive for all passes.
        with open_backlog(settings.kafka) as backlog, SubprocessServer.cache_subprocesses():
            return _run_passes(settings, backlog, console)
    except KafkaError as e:
        msg = f"kafka.broker-servers: {settings.kafka.broker_servers} cannot be used: {e}"
        raise ConfigError(msg) from e


def check_tables(settings: Settings) -> None:
    """Connect to Cassandra and look up every table before anything starts.

    Raises:
        ServiceError: if it does not answer.
        ConfigError: if it refuses the credentials or TLS, or lacks a table.
    """
    with open_store(settings.cassandra, settings.merge):
        pass


def _run_passes(settings: Settings, backlog: Backlog, console: Console) -> RunMetrics:
    metrics = RunMetrics()
    deadline = time.monotonic() + (settings.max_read_time or math.inf)
    left = settings.max_num_records or math.inf
    pace = settings.events_per_second or math.inf
    while (remaining := backlog.remaining()) and left > 0 and (read_time := deadline - time.monotonic()) > 0:
        began = time.monotonic()
        most = min(left, _MOST_RECORDS_A_PASS, pace * _PACED_S)
        records = backlog.next_pass(math.ceil(most), _MOST_BYTES_A_PASS)
        if not records:
            break
        console.print(f"Merging {records:,} of {remaining:,} records in the backlog …")
        limits = limits_at_start(settings.kafka)
        try:
            result = _run_pass(settings, limits, ReadBounds(records, math.ceil(min(read_time, _LONGEST_READ_S))))
        except RuntimeError:
            # All that Beam's errors tell is a stack of Java's.
            if limits_at_start(settings.kafka) == limits:
                raise
            console.print("A topic takes less than when this pass began, so it is repeated.")
            continue
        last_read = offsets_read(result)
        backlog.commit(last_read)
        passed = RunMetrics.of(result)
        if passed.follow_ups:
            backlog.extend()
        left -= passed.total
        metrics += passed
        time.sleep(max(0, min(began + passed.total / pace, deadline) - time.monotonic()))
    return metrics


def _run_pass(settings: Settings, limits: RecordLimits, bounds: ReadBounds) -> PipelineResult:
    pipeline = beam.Pipeline(options=PipelineOptions(list(settings.beam_args)))
    service = expansion_service(settings.kafka)
    source = pipeline | "ReadFromKafka" >> ReadMergeEvents(settings.kafka, service, bounds)
    outputs = build_graph(
        source | "RecordOffsets" >> RecordOffsets(),
        settings.cassandra,
        settings.merge,
        LimitsOnWorker(settings.kafka, limits),
    )
    write_outputs(outputs, settings.kafka, limits, service)
    result = pipeline.run()
    state = result.wait_until_finish()
    if state != PipelineState.DONE:
        msg = f"The pipeline ended as {state}; its offsets are not committed, so run it again."
        raise RuntimeError(msg)
    return result
