from typing import Any

import pytest
from apache_beam import Create
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that
from hamcrest import all_of, contains_string, has_properties

from tests.pipelines import matches, run_pipeline
from tests.transforms.events import event
from transforms.elements import MergedEvent, MergeEvent, TableFailure, TableMerge
from transforms.failures import DATA_ERROR
from transforms.join_table_merges import JoinTableMerges
from transforms.metrics import NAMESPACE

TABLES = ("content_consumption", "user_enrolments", "user_activity_agg")
ENROLMENTS = (("course", "batch"),)


def merged(of: MergeEvent, table: str, started_ms: float = 1_000, ended_ms: float = 1_500) -> TableMerge:
    return TableMerge(of, table, ENROLMENTS if table == "user_enrolments" else (), started_ms, ended_ms)


def join(outcomes: list[TableMerge | TableFailure], events: Any, failures: Any) -> Any:
    def check(pipeline: Any) -> None:
        outputs = pipeline | Create(outcomes) | JoinTableMerges()
        assert_that(outputs.merged, matches(*events), label="merged")
        assert_that(outputs.failed, matches(*failures), label="failed")

    return run_pipeline(check)


@pytest.mark.parametrize("last", TABLES)
def test_an_event_is_joined_when_its_third_table_is_merged_whichever_that_is(last: str) -> None:
    one = event()
    order = sorted(TABLES, key=lambda table: table == last)

    join([merged(one, table) for table in order], [MergedEvent(one, ENROLMENTS)], [])


def test_an_event_of_which_a_table_is_missing_waits() -> None:
    one = event()

    join([merged(one, table) for table in TABLES[:2]], [], [])


def test_a_table_that_comes_twice_does_not_stand_for_another() -> None:
    one = event()

    join([merged(one, TABLES[0]), merged(one, TABLES[0]), merged(one, TABLES[1])], [], [])


def test_events_are_joined_each_by_its_own_source() -> None:
    same_accounts = [event(offset=offset) for offset in range(5)]

    join(
        [merged(one, table) for table in TABLES for one in same_accounts],
        [MergedEvent(one, ENROLMENTS) for one in same_accounts],
        [],
    )


def test_an_event_with_failed_tables_gives_one_failure_that_names_them() -> None:
    one = event()
    outcomes: list[TableMerge | TableFailure] = [
        TableFailure(one, TABLES[2], "Timeout: late"),
        merged(one, TABLES[0]),
        TableFailure(one, TABLES[1], "InvalidRequest: wrong"),
    ]

    failed = all_of(
        has_properties(error_code=DATA_ERROR, source=one.source, original=one.original),
        has_properties(error=contains_string("user_activity_agg could not be merged: Timeout: late")),
        has_properties(error=contains_string("user_enrolments could not be merged: InvalidRequest: wrong")),
    )
    join(outcomes, [], [failed])


def test_an_event_all_of_whose_tables_failed_gives_one_failure() -> None:
    one = event()

    join([TableFailure(one, table, "wrong") for table in TABLES], [], [has_properties(source=one.source)])


def test_latency_is_from_the_first_begin_to_the_last_end() -> None:
    one = event()
    times = zip(TABLES, (1_000, 1_200, 1_100), (1_300, 1_250, 1_700), strict=True)

    result = join([merged(one, *timed) for timed in times], [MergedEvent(one, ENROLMENTS)], [])

    distributions = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["distributions"]
    sums = [(d.key.metric.name, d.result.sum, d.result.count) for d in distributions]
    assert sums == [("merge-latency-ms", 700, 1)]


def test_outcomes_that_arrive_apart_in_a_stream_are_joined_and_a_repeated_event_again() -> None:
    one, two = event(offset=1), event(offset=2)
    stream = TestStream().add_elements([merged(one, TABLES[0]), merged(two, TABLES[1])])
    stream.advance_watermark_to(100).add_elements([merged(two, TABLES[0]), merged(one, TABLES[2])])
    stream.advance_watermark_to(200).add_elements([merged(one, TABLES[1])])
    stream.advance_processing_time(60).add_elements([merged(two, TABLES[2])])
    stream.add_elements([merged(one, table) for table in TABLES]).advance_watermark_to_infinity()

    with TestPipeline(options=PipelineOptions(["--streaming"])) as pipeline:
        outputs = pipeline | stream | JoinTableMerges()
        expected = [MergedEvent(one, ENROLMENTS), MergedEvent(two, ENROLMENTS), MergedEvent(one, ENROLMENTS)]
        assert_that(outputs.merged, matches(*expected), label="merged")
        assert_that(outputs.failed, matches(), label="failed")
