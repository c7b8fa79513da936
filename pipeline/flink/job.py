"""The job as Flink runs it: its graph between Kafka's reads and writes, and Beam's options for it."""

from __future__ import annotations

import math

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.external import JavaJarExpansionService

from pipeline.configuration.variables import Settings
from pipeline.graph import build_graph
from pipeline.kafka.limits import LimitsOnWorker
from pipeline.kafka.topics import CountPartitions, ReadMergeEvents, write_outputs
from transforms.pace import Throttle
from transforms.records import RecordLimits

ENTRY_CLASS = "org.apache.beam.runners.flink.FlinkPipelineRunner"
"""The class in a packaged job whose main method Flink runs."""

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
    # How long each of the four stages that an event passes waits for more. In a backlog there is always more.
    "--max_bundle_time_mills=20",
    # No stage asks what time it is; by default all are told ever more often as bundles get shorter.
    "--auto_watermark_interval=200",
)
"""Options of Beam, before those of the command line, which win."""

_MOST_OF_A_BUNDLE = 1_000
"""Events of a bundle, as Beam has it. With a pace it has no more than the job takes in a second: a checkpoint
waits for the bundle under way, which takes the reader of one partition of many as many seconds."""


def flink_options(settings: Settings, *more: str) -> PipelineOptions:
    """Beam's options of a job on Flink: `more`, those of the command line, and our defaults for the rest."""
    name = f"--job_name={settings.env}-merge-user-courses"
    pace = settings.events_per_second
    throttled = [f"--max_bundle_size={min(_MOST_OF_A_BUNDLE, math.ceil(pace))}"] if pace else []
    return PipelineOptions([*_DEFAULTS, *throttled, name, *settings.beam_args, *more])


def build_job(
    settings: Settings, options: PipelineOptions, limits: RecordLimits, service: JavaJarExpansionService
) -> beam.Pipeline:
    """Wire the graph between the reads and writes of Kafka; nothing runs yet.

    Args:
        settings: the settings of the run.
        options: Beam's, of `flink_options`.
        limits: how large a record each topic takes, for which the producers are made.
        service: expands Kafka's transforms for Flink.
    """
    pipeline = beam.Pipeline(options=options)
    pace = settings.events_per_second
    source = pipeline | "ReadFromKafka" >> ReadMergeEvents(settings.kafka, service, in_turn=pace is not None)
    on_worker = LimitsOnWorker(settings.kafka, limits)
    throttle = None if pace is None else Throttle(pace, CountPartitions(settings.kafka))
    outputs = build_graph(source, settings.cassandra, settings.merge, on_worker, throttle)
    write_outputs(outputs, settings.kafka, limits, service)
    return pipeline
