from typing import Any

import pytest
from apache_beam import Create
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that
from hamcrest import all_of, contains_string, has_length, has_properties

from faults.events import event
from tests.support.pipelines import counters, matches, run_pipeline
from transforms.elements import JoinedEvent, MergeEvent, TableFailure, TableMerge
from transforms.join_table_merges import JoinTableMerges
from transforms.metrics import NAMESPACE
from transforms.table_merges import TABLE_MERGES

TABLES = tuple(stage.table for stage in TABLE_MERGES)
ENROLMENTS = (("course", "batch"),)


def merged(of: MergeEvent, table: str, started_ms: float = 1_000, ended_ms: float = 1_500) -> TableMerge:
    enrolments = ENROLMENTS if table == "user_enrolments" else ()
    return TableMerge(of, table, enrolments, started_ms, ended_ms, rows_read=len(table), rows_written=1)


def merged_event(of: MergeEvent, ended_ms: float = 1_500) -> JoinedEvent:
    return JoinedEvent(of, ENROLMENTS, tuple((table, len(table), 1) for table in sorted(TABLES)), 1_000, ended_ms)


def join(outcomes: list[TableMerge | TableFailure], *events: Any) -> Any:
    def check(pipeline: Any) -> None:
        assert_that(pipeline | Create(outcomes) | JoinTableMerges(), matches(*events))

    return run_pipeline(check)


@pytest.mark.parametrize("last", TABLES)
def test_an_event_is_joined_when_its_last_table_is_merged_whichever_that_is(last: str) -> None:
    one = event()
    order = sorted(TABLES, key=lambda table: table == last)

    join([merged(one, table) for table in order], merged_event(one))


def test_an_event_of_which_a_table_is_missing_waits() -> None:
    one = event()

    join([merged(one, table) for table in TABLES[:-1]])


def test_a_table_that_comes_twice_does_not_stand_for_another() -> None:
    one = event()

    join([merged(one, table) for table in (TABLES[0], *TABLES[:-1])])


def test_events_are_joined_each_by_its_own_source() -> None:
    same_accounts = [event(offset=offset) for offset in range(5)]

    join([merged(one, table) for table in TABLES for one in same_accounts], *map(merged_event, same_accounts))


def test_an_event_with_failed_tables_has_an_error_that_names_them() -> None:
    one = event()
    outcomes: list[TableMerge | TableFailure] = [
        TableFailure(one, TABLES[2], "Timeout: late"),
        merged(one, TABLES[0]),
        TableFailure(one, TABLES[1], "InvalidRequest: wrong"),
        *(merged(one, table) for table in TABLES[3:]),
    ]

    failed = all_of(
        has_properties(event=one, rows=has_length(len(TABLES) - 2)),
        has_properties(error=contains_string(f"{TABLES[2]} could not be merged: Timeout: late")),
        has_properties(error=contains_string(f"{TABLES[1]} could not be merged: InvalidRequest: wrong")),
    )
    result = join(outcomes, failed)

    assert not result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["distributions"]


def test_an_event_all_of_whose_tables_failed_is_joined_too() -> None:
    one = event()

    join([TableFailure(one, table, "wrong") for table in TABLES], has_properties(source=one.source, rows=()))


def test_latency_is_from_the_first_begin_to_the_last_end() -> None:
    one = event()
    times = [(TABLES[0], 1_000, 1_300), (TABLES[1], 1_100, 1_700)]
    times += [(table, 1_200, 1_250) for table in TABLES[2:]]

    result = join([merged(one, *timed) for timed in times], merged_event(one, ended_ms=1_700))

    distributions = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["distributions"]
    sums = [(d.key.metric.name, d.result.sum, d.result.count) for d in distributions]
    assert sums == [("merge-latency-ms", 700, 1)]
    bounds = (1_000, 2_500, 5_000, 10_000, 30_000, 60_000, "inf")
    assert counters(result) == {f"merge-latency-ms-bucket-{bound}": 1 for bound in bounds}


def test_outcomes_that_arrive_apart_in_a_stream_are_joined_and_a_repeated_event_again() -> None:
    one, two = event(offset=1), event(offset=2)
    stream = TestStream().add_elements([merged(one, TABLES[0]), merged(two, TABLES[1])])
    stream.advance_watermark_to(100).add_elements([merged(two, TABLES[0]), *(merged(one, t) for t in TABLES[2:])])
    stream.advance_watermark_to(200).add_elements([merged(one, TABLES[1])])
    stream.advance_processing_time(60).add_elements([merged(two, table) for table in TABLES[2:]])
    stream.add_elements([merged(one, table) for table in TABLES]).advance_watermark_to_infinity()

    with TestPipeline(options=PipelineOptions(["--streaming"])) as pipeline:
        expected = [merged_event(one), merged_event(two), merged_event(one)]
        assert_that(pipeline | stream | JoinTableMerges(), matches(*expected))
