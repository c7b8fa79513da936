"""Runs the job on DirectRunner: merges the backlog of the group, and no more."""

from __future__ import annotations

import math
import time

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult, PipelineState
from apache_beam.utils.subprocess_server import SubprocessServer
from cassandra import DriverException
from cassandra.cluster import NoHostAvailable
from kafka.errors import KafkaError
from rich.console import Console

from pipeline.backlog import Backlog, RecordOffsets, offsets_read, open_backlog
from pipeline.graph import build_graph
from pipeline.kafka import ReadBounds, ReadMergeEvents, check_topics, expansion_service, write_outputs
from pipeline.report import RunMetrics
from pipeline.settings import ConfigError, Settings
from transforms.course_tables import CourseTables, MissingTableError

_MOST_RECORDS_A_PASS = 9_999
"""From 10,000 records on, KafkaIO splits a bounded read by partition and gives each split an equal share, so that
a partition with less than its share would be waited for."""

_LONGEST_READ_S = 10
"""How long a pass waits for records that the offsets promise; only markers of transactions make it wait."""


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
        ConfigError: if a topic or table does not exist, or a service cannot be reached.
    """
    check_tables(settings)
    check_topics(settings.kafka)
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
        ConfigError: if it cannot be reached, refuses the credentials, or lacks a table.
    """
    cassandra = settings.cassandra
    tables = CourseTables(cassandra, merge_ledger=settings.merge.merge_ledger)
    try:
        tables.connect()
    except MissingTableError as e:
        raise ConfigError(str(e)) from e
    except (NoHostAvailable, DriverException) as e:
        # The driver has an error for each host; what it says before them is that there are some.
        errors = "; ".join(map(str, e.errors.values())) if isinstance(e, NoHostAvailable) else str(e)
        tls = "on" if cassandra.ssl_enabled else "off"
        msg = (
            f"lms-cassandra.host: {','.join(cassandra.hosts)}:{cassandra.port} cannot be used "
            f"(lms-cassandra.ssl.enabled is {tls}): {errors}"
        )
        raise ConfigError(msg) from e
    finally:
        tables.close()


def _run_passes(settings: Settings, backlog: Backlog, console: Console) -> RunMetrics:
    metrics = RunMetrics()
    deadline = time.monotonic() + (settings.max_read_time or math.inf)
    left = settings.max_num_records or math.inf
    while (remaining := backlog.remaining()) and left > 0 and (read_time := deadline - time.monotonic()) > 0:
        records = int(min(remaining, left, _MOST_RECORDS_A_PASS))
        console.print(f"Merging {records:,} of {remaining:,} records in the backlog …")
        result = _run_pass(settings, records, math.ceil(min(read_time, _LONGEST_READ_S)))
        last_read = offsets_read(result)
        if not last_read and backlog.skip_markers():
            break
        backlog.commit(last_read)
        passed = RunMetrics.of(result)
        if passed.follow_ups:
            backlog.extend()
        left -= passed.total
        metrics += passed
    return metrics


def _run_pass(settings: Settings, records: int, read_time_s: int) -> PipelineResult:
    pipeline = beam.Pipeline(options=PipelineOptions(list(settings.beam_args)))
    service = expansion_service(settings.kafka)
    source = pipeline | "ReadFromKafka" >> ReadMergeEvents(
        settings.kafka, service, ReadBounds(records, read_time_s)
    )
    outputs = build_graph(source | "RecordOffsets" >> RecordOffsets(), settings.cassandra, settings.merge)
    write_outputs(outputs, settings.kafka, service)
    result = pipeline.run()
    state = result.wait_until_finish()
    if state != PipelineState.DONE:
        msg = f"The pipeline ended as {state}; its offsets are not committed, so run it again."
        raise RuntimeError(msg)
    return result
