"""The shape of the graph: which stages there are, what flows into what, and into which topics it ends."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import pytest
from apache_beam.coders import RowCoder
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.portability.api.org.apache.beam.model.pipeline.v1 import external_transforms_pb2
from apache_beam.pvalue import PCollection
from apache_beam.transforms.external import ExternalTransform
from apache_beam.typehints import Tuple, Union
from apache_beam.utils.subprocess_server import SubprocessServer
from hamcrest import assert_that, equal_to, has_entries

from local.settings import LocalSettings
from pipeline.configuration.settings import resolve
from pipeline.configuration.variables import Settings
from pipeline.graph import build_graph
from pipeline.kafka.topics import ReadBounds, ReadMergeEvents, expansion_service, write_outputs
from transforms.elements import FailedEvent, JoinedEvent, MergeEvent, TableFailure, TableMerge
from transforms.format_failed_events import FAILED
from transforms.records import RecordLimits

MAIN = "main"

MERGES = ("MergeContentConsumption", "MergeUserEnrolments", "MergeUserActivityAggregates", "MergeAssessments")

Edge = tuple[str, str, str]
"""A stage, one of its outputs, and the stage into which that flows."""

EDGES: set[Edge] = {
    ("Read", MAIN, "ParseMergeEvent"),
    ("ParseMergeEvent", MAIN, "KeyByToAccount"),
    ("KeyByToAccount", MAIN, "LogMerge"),
    *(("LogMerge", MAIN, merge) for merge in MERGES),
    *((merge, output, "FlattenTables") for merge in MERGES for output in (MAIN, FAILED)),
    ("FlattenTables", MAIN, "JoinTableMerges"),
    ("JoinTableMerges", MAIN, "RequestEnrolmentSync"),
    *((stage, FAILED, "FlattenFailed") for stage in ("ParseMergeEvent", "LogMerge", "RequestEnrolmentSync")),
    ("FlattenFailed", MAIN, "FormatFailedEvents"),
}

SINKS: set[Edge] = {
    ("RequestEnrolmentSync", MAIN, "WriteSyncRequests"),
    ("RequestEnrolmentSync", "follow_ups", "WriteFollowUps"),
    ("FormatFailedEvents", MAIN, "WriteFailedEvents"),
}

KEYED_EVENT = Tuple[str, MergeEvent]
RECORD = Tuple[bytes, bytes]

TYPES = {
    "ParseMergeEvent": {MAIN: MergeEvent, FAILED: FailedEvent},
    "KeyByToAccount": {MAIN: KEYED_EVENT},
    "LogMerge": {MAIN: KEYED_EVENT, FAILED: FailedEvent},
    **{merge: {MAIN: TableMerge, FAILED: TableFailure} for merge in MERGES},
    "FlattenTables": {MAIN: Union[TableMerge, TableFailure]},
    "JoinTableMerges": {MAIN: JoinedEvent},
    "RequestEnrolmentSync": {MAIN: RECORD, "follow_ups": RECORD, FAILED: FailedEvent},
    "FlattenFailed": {MAIN: FailedEvent},
    "FormatFailedEvents": {MAIN: RECORD},
}


class _Stages(PipelineVisitor):
    """The outermost transforms of a pipeline, by name."""

    def __init__(self) -> None:
        self.by_name: dict[str, AppliedPTransform] = {}

    def enter_composite_transform(self, transform_node: AppliedPTransform) -> None:
        self.visit_transform(transform_node)

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        if transform_node.full_label and "/" not in transform_node.full_label:
            self.by_name[transform_node.full_label] = transform_node


def stages(pipeline: beam.Pipeline) -> dict[str, AppliedPTransform]:
    visitor = _Stages()
    pipeline.visit(visitor)
    return visitor.by_name


def edges(by_name: dict[str, AppliedPTransform]) -> set[Edge]:
    return {
        (*_origin(pcoll), name)
        for name, stage in by_name.items()
        for pcoll in stage.inputs
        if isinstance(pcoll, PCollection)
    }


def _origin(pcoll: PCollection) -> tuple[str, str]:
    tag = pcoll.tag if pcoll.tag not in (None, "output") else MAIN  # "output" is the main one of Java's transforms
    return pcoll.producer.full_label.split("/")[0], tag


@pytest.fixture(scope="module")
def graph() -> dict[str, AppliedPTransform]:
    """The stages of the graph behind any source."""
    settings, pipeline = resolve([], {}), beam.Pipeline()
    build_graph(pipeline | "Read" >> beam.Create([None]), settings.cassandra, settings.merge)
    return stages(pipeline)


def test_every_stage_is_there_and_every_output_flows_where_it_belongs(graph: dict[str, AppliedPTransform]) -> None:
    assert_that(edges(graph), equal_to(EDGES))
    assert_that(set(graph), equal_to({stage for edge in EDGES for stage in (edge[0], edge[2])}))


def test_each_output_that_a_stage_has_is_used(graph: dict[str, AppliedPTransform]) -> None:
    outputs = {(name, tag or MAIN) for name, stage in graph.items() for tag in stage.outputs}

    assert_that(outputs, equal_to({edge[:2] for edge in EDGES | SINKS}))


@pytest.mark.parametrize("stage", TYPES)
def test_each_output_declares_its_type(stage: str, graph: dict[str, AppliedPTransform]) -> None:
    types = {tag or MAIN: pcoll.element_type for tag, pcoll in graph[stage].outputs.items()}

    assert_that(types, equal_to(TYPES[stage]))


# Kafka


@pytest.fixture(scope="module")
def job_settings(settings: LocalSettings) -> Settings:
    return resolve(
        [
            "--env=test",
            "--kafka_broker_servers=broker:9",
            f"--kafka_expansion_service_jar={settings.expansion_service_jar}",
        ],
        {},
    )


@pytest.fixture(scope="module")
def job(job_settings: Settings) -> dict[str, AppliedPTransform]:
    """The stages of the job, from Kafka to Kafka; expanded, but never run."""
    with SubprocessServer.cache_subprocesses():
        service, pipeline = expansion_service(job_settings.kafka), beam.Pipeline()
        records = pipeline | "Read" >> ReadMergeEvents(job_settings.kafka, service)
        outputs = build_graph(records, job_settings.cassandra, job_settings.merge)
        write_outputs(outputs, job_settings.kafka, RecordLimits(failed=40_000_000, follow_ups=2_000), service)
        return stages(pipeline)


def configuration(transform: ExternalTransform) -> dict[str, Any]:
    """What the Java side of a transform is told."""
    payload = external_transforms_pb2.ExternalConfigurationPayload.FromString(transform._payload)
    return RowCoder(payload.schema).decode(payload.payload)._asdict()


def test_between_kafka_and_kafka_the_graph_is_the_same_and_each_of_its_outputs_is_written(
    job: dict[str, AppliedPTransform],
) -> None:
    assert_that(edges(job), equal_to(EDGES | SINKS))


@pytest.mark.parametrize(
    ("sink", "topic"),
    [
        ("WriteSyncRequests", "test.coursebatch.job.request"),
        ("WriteFollowUps", "test.lms.user.account.merge"),
        ("WriteFailedEvents", "test.learning.events.failed"),
    ],
)
def test_each_output_is_written_to_its_topic(sink: str, topic: str, job: dict[str, AppliedPTransform]) -> None:
    assert_that(
        configuration(job[sink].transform),
        has_entries(topic=topic, producer_config=has_entries({"bootstrap.servers": "broker:9", "acks": "all"})),
    )


def test_each_producer_is_made_for_what_its_topic_takes(job: dict[str, AppliedPTransform]) -> None:
    def sizes(sink: str) -> tuple[str, ...]:
        config = configuration(job[sink].transform)["producer_config"]
        return tuple(config[name] for name in ("batch.size", "max.request.size", "buffer.memory"))

    assert_that(sizes("WriteSyncRequests"), equal_to(("16384", "1048588", "33554432")))
    assert_that(sizes("WriteFollowUps"), equal_to(("2000", "1048576", "33554432")))
    assert_that(sizes("WriteFailedEvents"), equal_to(("16384", "40000000", "80000000")))


def read_configuration(settings: Settings, bounds: ReadBounds | None) -> dict[str, Any]:
    read = ReadMergeEvents(settings.kafka, expansion_service(settings.kafka), bounds)
    return configuration(read._read)


@pytest.mark.parametrize("bounds", [None, ReadBounds(10, 20)], ids=["without end", "bounded"])
def test_the_input_topic_is_read_from_the_groups_offsets_which_the_consumer_never_commits(
    bounds: ReadBounds | None, job_settings: Settings
) -> None:
    assert_that(
        read_configuration(job_settings, bounds),
        has_entries(
            topics=["test.lms.user.account.merge"],
            consumer_config=has_entries(
                {
                    "bootstrap.servers": "broker:9",
                    "group.id": "test-merge-courses-group",
                    "auto.offset.reset": "earliest",
                    "enable.auto.commit": "false",
                }
            ),
        ),
    )


def test_a_read_without_end_commits_once_its_outputs_are_durable_and_a_bounded_one_leaves_it_to_its_caller(
    job_settings: Settings,
) -> None:
    assert_that(read_configuration(job_settings, None), has_entries(commit_offset_in_finalize=True))
    assert_that(
        read_configuration(job_settings, ReadBounds(10, 20)),
        has_entries(commit_offset_in_finalize=False, max_num_records=10, max_read_time=20),
    )
