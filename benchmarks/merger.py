"""A process that runs the whole graph on the messages it is given: Kafka left out, all else as in the job."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection

from benchmarks.measure import PYTHON, Sampler
from benchmarks.services import BenchServices
from local.errors import LocalError
from local.run import pipeline_command
from transforms.logs import begin_logging


class Merger:
    """The process, seen from outside.

    Attributes:
        sampler: samples it and Cassandra, when entered.
    """

    def __init__(self, connection: Connection, sampler: Sampler) -> None:
        """Take it over."""
        self._connection = connection
        self.sampler = sampler

    def merge(self, messages: list[bytes]) -> tuple[float, float]:
        """Merge; returns when that began and when it ended, in s since the epoch.

        Raises:
            LocalError: if a merge fails.
        """
        self._connection.send(messages)
        answer = self._connection.recv()
        if isinstance(answer, Exception):
            raise answer
        began, ended = answer
        self.sampler.sample()
        return began, ended


@contextmanager
def merger_process(services: BenchServices) -> Iterator[Merger]:
    """Start the process; it ends with the block."""
    spawn = multiprocessing.get_context("spawn")
    connection, theirs = spawn.Pipe()
    arguments = pipeline_command(services.settings)[3:]  # without python -m pipeline
    process = spawn.Process(target=_merge_messages, args=(arguments, theirs))
    process.start()
    theirs.close()
    try:
        yield Merger(connection, Sampler({process.pid or 0: PYTHON, **services.kinds}))
    finally:
        connection.close()
        process.join()


def _merge_messages(arguments: Sequence[str], messages: Connection) -> None:
    begin_logging()
    try:
        while True:
            part = messages.recv()
            began = time.time()
            failed = _run_graph(arguments, part)
            ended = time.time()
            messages.send(LocalError(f"{failed} merges have failed.") if failed else (began, ended))
    except (EOFError, KeyboardInterrupt):
        return
    except Exception as e:
        messages.send(LocalError(f"The graph could not be run: {type(e).__name__}: {e}"))


def _run_graph(arguments: Sequence[str], messages: Sequence[bytes]) -> int:
    """Run the graph on what is under DirectRunner, its outputs going nowhere; returns how many events failed."""
    # Only now: Beam logs while it is imported.
    import apache_beam as beam
    from apache_beam.metrics import MetricsFilter
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    from pipeline.configuration.settings import resolve
    from pipeline.graph import build_graph
    from transforms.metrics import FAILED_EVENTS, NAMESPACE
    from transforms.parse_merge_event import KafkaRecord

    settings = resolve(arguments, {})
    records = [KafkaRecord("growth", 0, offset, 0, message) for offset, message in enumerate(messages)]
    pipeline = beam.Pipeline(FnApiRunner(), PipelineOptions([]))
    build_graph(pipeline | beam.Create(records), settings.cassandra, settings.merge)
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    return sum(counter.result for counter in counters if counter.key.metric.name == FAILED_EVENTS)
