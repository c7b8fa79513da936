"""Each stage that uses Cassandra, on a real one: every output, every row, every count."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import combinations, pairwise
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import Create
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that
from hamcrest import (
    all_of,
    contains_exactly,
    contains_inanyorder,
    empty,
    equal_to,
    greater_than_or_equal_to,
    has_entries,
    has_key,
    has_length,
    has_properties,
    instance_of,
    less_than,
    less_than_or_equal_to,
    matches_regexp,
    not_,
    only_contains,
)
from hamcrest import assert_that as hamcrest_that
from hamcrest.core.matcher import Matcher

from faults.events import event, message, record
from faults.keyspaces import Keyspace, MakeKeyspace
from faults.memory_tables import ACTIVITY_AGG, CONTENT_CONSUMPTION, ENROLMENTS, LEDGER, MERGE_LOG
from local.ports import free_ports
from pipeline.graph import build_graph
from tests.support.pipelines import counters, matches, run_pipeline
from transforms.elements import FailedEvent, JoinedEvent, MergeEvent, TableFailure, TableMerge
from transforms.format_failed_events import DATA_ERROR, FAILED
from transforms.log_merge import LogMerge
from transforms.merge_content_consumption import MergeContentConsumption
from transforms.merge_user_activity_aggregates import MergeUserActivityAggregates
from transforms.merge_user_enrolments import MergeUserEnrolments
from transforms.metrics import CASSANDRA_OUTAGES, CASSANDRA_RETRIES, HISTORY_ERRORS
from transforms.parse_merge_event import KafkaRecord
from transforms.records import RecordLimits
from transforms.request_enrolment_sync import RequestEnrolmentSync
from transforms.settings import CassandraSettings, MergeSettings
from transforms.store.merge_history import HISTORY_TABLE
from transforms.table_merges import TABLE_MERGES

MERGE = MergeSettings(
    merge_ledger=True,
    course_date_format="yyyy-MM-dd HH:mm:ss:SSSZ",
    course_batch_updater_action="batch-enrolment-sync",
    history_ttl_days=730,
)
NO_LEDGER = dataclasses.replace(MERGE, merge_ledger=False)

MERGES = [(stage, stage.table) for stage in TABLE_MERGES]

NO_ANSWER = r"Cassandra did not answer within 0\.2 s: NoHostAvailable: .+"
TOO_LONG = "x" * 70_000
"""An id that Cassandra refuses: its keys hold at most 65,535 bytes."""


@pytest.fixture
def account() -> Callable[[str], str]:
    """Ids of accounts that no other test has."""
    mark = uuid.uuid4().hex[:8]
    return lambda name: f"{name}-{mark}"


@pytest.fixture
def unreachable(keyspace: Keyspace) -> CassandraSettings:
    (closed,) = free_ports(1)
    return keyspace.settings(port=closed, retry_seconds=0.2)


def run(stage: beam.PTransform, elements: list[Any], **outputs: list[Any]) -> PipelineResult:
    """Run a stage; what leaves by each output is compared with what is given for its tag."""

    def build(pipeline: TestPipeline) -> None:
        # Reshuffled, the elements would come in any order.
        made = pipeline | Create(elements, reshuffle=False) | stage
        for tag, expected in outputs.items():
            assert_that(made[tag], matches(*expected), label=tag)

    return run_pipeline(build)


def keyed(*events: MergeEvent) -> list[tuple[str, MergeEvent]]:
    return [(one.to_account, one) for one in events]


def failure_of(one: MergeEvent, error: str) -> Matcher[Any]:
    return all_of(
        instance_of(FailedEvent),
        has_properties(
            error_code=DATA_ERROR, error=matches_regexp(error), source=one.source, original=one.original
        ),
    )


# LogMerge


def log_merge(
    keyspace: Keyspace, one: MergeEvent, merge: MergeSettings = MERGE, **changes: Any
) -> list[dict[str, Any]]:
    """Log an event, which then is to leave by the main output; returns its account's log."""
    run(LogMerge(keyspace.settings(**changes), merge), keyed(one), logged=keyed(one), failed=[])
    return keyspace.rows(MERGE_LOG, userid=one.from_account)


def test_an_event_leaves_as_it_came_once_its_accounts_are_in_the_log(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    one = event(account("from"), account("to"))

    log = log_merge(keyspace, one)

    hamcrest_that(
        log,
        contains_exactly(has_entries(userid=one.from_account, intoid=one.to_account, mid=one.mid)),
    )
    hamcrest_that(log[0]["merged_on"], not_(equal_to(None)))


def test_a_follow_up_does_not_replace_the_mid_of_the_event_it_repeats(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    pair = {"userid": account("from"), "intoid": account("to")}
    keyspace.insert({MERGE_LOG: [{**pair, "mid": "LP.original"}]})

    log = log_merge(keyspace, event(*pair.values(), path=[account("before"), account("from")]))

    hamcrest_that(log, contains_exactly(has_entries(mid="LP.original")))


def test_a_follow_up_whose_original_is_not_in_the_log_is_logged(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    one = event(account("from"), account("to"), path=[account("before"), account("from")])
    keyspace.insert({MERGE_LOG: [{"userid": one.from_account, "intoid": account("other"), "mid": "LP.other"}]})

    log = log_merge(keyspace, one)

    hamcrest_that(
        log,
        contains_inanyorder(
            has_entries(intoid=one.to_account, mid=one.mid), has_entries(intoid=account("other"), mid="LP.other")
        ),
    )


def test_with_the_ledger_off_nothing_is_logged(keyspace: Keyspace, account: Callable[[str], str]) -> None:
    hamcrest_that(log_merge(keyspace, event(account("from"), account("to")), NO_LEDGER), empty())


def test_an_event_that_cannot_be_logged_fails_whole(unreachable: CassandraSettings) -> None:
    one = event()

    failed = failure_of(one, rf"^The merge log could not be written: {NO_ANSWER}")
    run(LogMerge(unreachable, MERGE), keyed(one), logged=[], failed=[failed])


def test_an_event_that_cannot_be_logged_leaves_the_others_alone(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    good, bad = event(account("from"), account("to"), offset=1), event(TOO_LONG, account("to"), offset=2)

    run(
        LogMerge(keyspace.settings(), MERGE),
        keyed(bad, good),
        logged=keyed(good),
        failed=[failure_of(bad, "^The merge log could not be written: InvalidRequest")],
    )


# The merges of the three tables


def enrolment(userid: str, courseid: str = "c1", **columns: Any) -> dict[str, Any]:
    return {"userid": userid, "courseid": courseid, "batchid": f"{courseid}-b", **columns}


def aggregates(userid: str, activity_id: str = "c1", **columns: Any) -> dict[str, Any]:
    key = {"activity_type": "Course", "activity_id": activity_id, "user_id": userid}
    return {**key, "context_id": f"cb:{activity_id}-b", **columns}


def merged(one: MergeEvent, table: str, enrolments: Any = ()) -> Matcher[Any]:
    return all_of(
        instance_of(TableMerge),
        has_properties(event=one, table=table, enrolments=contains_inanyorder(*enrolments)),
    )


def test_content_rows_are_written_with_their_ledger(keyspace: Keyspace, account: Callable[[str], str]) -> None:
    one = event(account("from"), account("to"))
    keyspace.insert(
        {
            CONTENT_CONSUMPTION: [
                enrolment(one.from_account, contentid="k1", viewcount=3, status=2),
                enrolment(one.from_account, contentid="k2", viewcount=1),
                enrolment(one.to_account, contentid="k1", viewcount=2, status=1, progress=50),
            ]
        }
    )

    stage = MergeContentConsumption(keyspace.settings(), MERGE)
    result = run(stage, keyed(one), merged=[merged(one, "content_consumption")], failed=[])

    hamcrest_that(
        keyspace.rows(CONTENT_CONSUMPTION, userid=one.to_account),
        contains_inanyorder(
            has_entries(contentid="k1", viewcount=5, status=2, progress=50),
            has_entries(contentid="k2", viewcount=1, status=None),
        ),
    )
    hamcrest_that(
        keyspace.rows(LEDGER, userid=one.to_account),
        contains_inanyorder(
            has_entries(batchid="c1-b", originid=one.from_account, viewcounts={"k1": 3, "k2": 1}, mid=one.mid),
            has_entries(batchid="c1-b", originid=one.to_account, viewcounts={"k1": 2}, mid=one.mid),
        ),
    )
    hamcrest_that(keyspace.rows(LEDGER, userid=one.from_account), empty())
    hamcrest_that(
        counters(result), equal_to({"content_consumption-rows-read": 3, "content_consumption-rows-written": 4})
    )

    again = run(stage, keyed(one), merged=[merged(one, "content_consumption")], failed=[])

    # Four rows and now two of the ledger; nothing is written.
    hamcrest_that(counters(again), equal_to({"content_consumption-rows-read": 6}))


def test_with_the_ledger_off_views_are_added_each_time(keyspace: Keyspace, account: Callable[[str], str]) -> None:
    one = event(account("from"), account("to"))
    keyspace.insert(
        {
            CONTENT_CONSUMPTION: [
                enrolment(one.from_account, contentid="k1", viewcount=3),
                enrolment(one.to_account, contentid="k1", viewcount=2),
            ]
        }
    )

    result = run(MergeContentConsumption(keyspace.settings(), NO_LEDGER), keyed(one, one))

    (row,) = keyspace.rows(CONTENT_CONSUMPTION, userid=one.to_account)
    hamcrest_that(row["viewcount"], equal_to(8))
    hamcrest_that(keyspace.rows(LEDGER, userid=one.to_account), empty())
    hamcrest_that(
        counters(result), equal_to({"content_consumption-rows-read": 4, "content_consumption-rows-written": 2})
    )


def test_enrolments_are_written_and_all_that_the_account_now_has_are_named(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    one = event(account("from"), account("to"))
    certificates = [{"identifier": "x", "name": "A"}]
    keyspace.insert(
        {
            ENROLMENTS: [
                enrolment(one.from_account, "c1", status=2, contentstatus={"k1": 2}, active=True),
                enrolment(one.from_account, "c2", status=1, issued_certificates=certificates),
                enrolment(one.to_account, "c2", status=2, contentstatus={"k9": 1}, addedby="self"),
                enrolment(one.to_account, "c3", status=0),
            ]
        }
    )
    enrolments = [("c1", "c1-b"), ("c2", "c2-b"), ("c3", "c3-b")]

    stage = MergeUserEnrolments(keyspace.settings(), MERGE)
    result = run(stage, keyed(one), merged=[merged(one, "user_enrolments", enrolments)], failed=[])

    hamcrest_that(
        keyspace.rows(ENROLMENTS, userid=one.to_account),
        contains_exactly(
            has_entries(courseid="c1", status=2, contentstatus={"k1": 2}, active=True),
            has_entries(
                courseid="c2", status=2, contentstatus={"k9": 1}, issued_certificates=certificates, addedby="self"
            ),
            has_entries(courseid="c3", status=0),
        ),
    )
    hamcrest_that(counters(result), equal_to({"user_enrolments-rows-read": 4, "user_enrolments-rows-written": 2}))

    again = run(stage, keyed(one), merged=[merged(one, "user_enrolments", enrolments)], failed=[])

    hamcrest_that(counters(again), equal_to({"user_enrolments-rows-read": 5}))


def test_the_enrolments_of_the_primary_are_named_where_the_from_account_has_none(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    one = event(account("from"), account("to"))
    keyspace.insert({ENROLMENTS: [enrolment(one.to_account, "c3")]})

    run(
        MergeUserEnrolments(keyspace.settings(), MERGE),
        keyed(one),
        merged=[merged(one, "user_enrolments", [("c3", "c3-b")])],
        failed=[],
    )


def test_aggregates_of_the_courses_that_the_from_account_is_enrolled_in_are_written(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    one = event(account("from"), account("to"))
    keyspace.insert(
        {
            ENROLMENTS: [enrolment(one.from_account, "c1"), enrolment(one.from_account, "c2")],
            ACTIVITY_AGG: [
                aggregates(one.from_account, "c1", aggregates={"completedCount": 3.0, "score:k": 1.0}),
                aggregates(one.from_account, "c2", agg={"completedCount": 2}),
                aggregates(one.from_account, "not enrolled", agg={"completedCount": 2}),
                aggregates(one.to_account, "c1", aggregates={"completedCount": 7.0}),
            ],
        }
    )

    stage = MergeUserActivityAggregates(keyspace.settings(), MERGE)
    result = run(stage, keyed(one), merged=[merged(one, "user_activity_agg")], failed=[])

    def written(course: str) -> list[dict[str, Any]]:
        return keyspace.rows(ACTIVITY_AGG, activity_type="Course", activity_id=course, user_id=one.to_account)

    hamcrest_that(
        written("c1"), contains_exactly(has_entries(aggregates={"completedCount": 7.0, "score:k": 1.0}, agg=None))
    )
    hamcrest_that(
        written("c2"),
        contains_exactly(has_entries(aggregates={"completedCount": 2.0}, agg={"completedCount": 2})),
    )
    hamcrest_that(written("not enrolled"), empty())
    hamcrest_that(
        counters(result), equal_to({"user_activity_agg-rows-read": 3, "user_activity_agg-rows-written": 2})
    )

    again = run(stage, keyed(one), merged=[merged(one, "user_activity_agg")], failed=[])

    hamcrest_that(counters(again), equal_to({"user_activity_agg-rows-read": 4}))


@pytest.mark.parametrize(("merge_table", "table"), MERGES)
def test_a_table_that_cannot_be_reached_is_a_failure_of_that_table(
    merge_table: Any, table: str, unreachable: CassandraSettings
) -> None:
    one = event()

    failed = all_of(
        instance_of(TableFailure), has_properties(event=one, table=table, error=matches_regexp(f"^{NO_ANSWER}"))
    )
    result = run(merge_table(unreachable, MERGE), keyed(one), merged=[], failed=[failed])

    hamcrest_that(counters(result), equal_to({}))


@pytest.mark.parametrize(("merge_table", "table"), MERGES)
def test_an_event_that_a_table_refuses_leaves_the_others_alone(
    merge_table: Any, table: str, keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    good, bad = event(account("from"), account("to"), offset=1), event(TOO_LONG, account("to"), offset=2)

    run(
        merge_table(keyspace.settings(), MERGE),
        keyed(bad, good),
        merged=[merged(good, table)],
        failed=[has_properties(event=bad, table=table, error=matches_regexp("^InvalidRequest: .+"))],
    )


def overlap(one: TableMerge, other: TableMerge) -> bool:
    return one.started_ms < other.ended_ms and other.started_ms < one.ended_ms


def test_events_to_one_account_are_merged_one_at_a_time_in_order_while_those_of_others_overlap(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    primaries = [account(f"to-{i}") for i in range(5)]
    froms = [account(f"from-{i}") for i in range(6)]
    keyspace.insert(
        {CONTENT_CONSUMPTION: [enrolment(one, contentid=f"k{i}", viewcount=i) for one in froms for i in range(20)]}
    )
    events = [
        event(one, primary, offset=len(primaries) * i + j)
        for i, one in enumerate(froms)
        for j, primary in enumerate(primaries)
    ]

    def check(merges: list[TableMerge]) -> None:
        hamcrest_that(merges, has_length(len(events)))
        for primary in primaries:
            lane = [merge for merge in merges if merge.event.to_account == primary]
            lane.sort(key=lambda merge: merge.event.source.offset)
            for one, following in pairwise(lane):
                hamcrest_that(one.ended_ms, less_than_or_equal_to(following.started_ms))
        assert any(overlap(one, other) for one, other in combinations(merges, 2)), "nothing overlapped"

    def build(pipeline: TestPipeline) -> None:
        logged = (pipeline | Create(keyed(*events), reshuffle=False) | LogMerge(keyspace.settings(), MERGE)).logged
        assert_that((logged | MergeContentConsumption(keyspace.settings(), MERGE)).merged, check)

    run_pipeline(build)


# RequestEnrolmentSync


def decoded(records: list[tuple[bytes, bytes]]) -> list[tuple[str, dict[str, Any]]]:
    return [(key.decode(), json.loads(value)) for key, value in records]


def request(
    keyspace: Keyspace,
    elements: list[JoinedEvent],
    *,
    requests: Callable[[list[Any]], None] = lambda records: None,
    follow_ups: Matcher[Any] | None = None,
    merge: MergeSettings = MERGE,
) -> PipelineResult:
    """Run the stage; its messages are compared as (key, JSON), and nothing is to fail."""

    def build(pipeline: TestPipeline) -> None:
        outputs = pipeline | Create(elements, reshuffle=False) | RequestEnrolmentSync(keyspace.settings(), merge)
        assert_that(outputs.sync_requests, lambda records: requests(decoded(records)), label="sync requests")
        wanted = contains_exactly() if follow_ups is None else follow_ups
        assert_that(
            outputs.follow_ups, lambda records: hamcrest_that(decoded(records), wanted), label="follow-ups"
        )
        assert_that(outputs[FAILED], matches(), label="failed")

    return run_pipeline(build)


def test_each_enrolment_of_the_primary_gives_one_request_keyed_by_the_account(keyspace: Keyspace) -> None:
    merged_event = JoinedEvent(event("u-1", "u-2"), (("c1", "b1"), ("c2", "b2")))

    def check(records: list[tuple[str, dict[str, Any]]]) -> None:
        for key, sent in records:
            hamcrest_that(key, equal_to("u-2"))
            hamcrest_that(sent["ets"], instance_of(int))
            hamcrest_that(sent["mid"], matches_regexp(rf"^LP\.{sent['ets']}\.[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-"))
        hamcrest_that(
            [{**sent, "ets": 0, "mid": ""} for _, sent in records],
            contains_inanyorder(
                *(
                    {
                        "eid": "BE_JOB_REQUEST",
                        "ets": 0,
                        "mid": "",
                        "actor": {"id": "Course Batch Updater", "type": "System"},
                        "context": {"pdata": {"ver": "1.0", "id": "org.sunbird.platform"}},
                        "object": {"id": f"{batch}_u-2", "type": "CourseBatchEnrolment"},
                        "edata": {
                            "action": "batch-enrolment-sync",
                            "iteration": 1,
                            "batchId": batch,
                            "userId": "u-2",
                            "courseId": course,
                            "reset": ["completionPercentage", "status", "progress"],
                        },
                    }
                    for course, batch in merged_event.enrolments
                )
            ),
        )

    result = request(keyspace, [merged_event], requests=check)

    hamcrest_that(counters(result), equal_to({"success-events-count": 1, "db-update-user-course-batch": 2}))


def test_a_request_made_again_has_the_same_uuid_and_any_other_has_another(keyspace: Keyspace) -> None:
    one = event("u-1", "u-2")
    others = [
        JoinedEvent(one, (("c1", "b2"),)),
        JoinedEvent(one, (("c2", "b1"),)),
        JoinedEvent(event("u-1", "u-3"), (("c1", "b1"),)),
        JoinedEvent(event("u-4", "u-2"), (("c1", "b1"),)),
    ]
    # A repeated event is the same message at another offset.
    repeats = [JoinedEvent(event("u-1", "u-2", offset=offset), (("c1", "b1"),)) for offset in range(3)]

    def check(records: list[tuple[str, dict[str, Any]]]) -> None:
        uuids = [sent["mid"].rsplit(".", 1)[1] for _, sent in records]
        hamcrest_that(uuids, has_length(7))
        hamcrest_that(set(uuids), has_length(5))
        # Derived from the event alone, so that it is the same in any run.
        hamcrest_that(uuids.count("4ac47e6d-ed8d-5725-8af5-2cc0aa6bc596"), equal_to(3))

    request(keyspace, others + repeats, requests=check)


def test_the_action_of_a_request_is_the_configured_one(keyspace: Keyspace) -> None:
    action = dataclasses.replace(MERGE, course_batch_updater_action="user-enrolment-sync")

    def check(records: list[tuple[str, dict[str, Any]]]) -> None:
        hamcrest_that([sent["edata"]["action"] for _, sent in records], equal_to(["user-enrolment-sync"]))

    request(keyspace, [JoinedEvent(event(), (("c1", "b1"),))], requests=check, merge=action)


def test_an_event_whose_primary_has_no_enrolment_succeeds_without_requests(keyspace: Keyspace) -> None:
    result = request(
        keyspace, [JoinedEvent(event(), ())], requests=lambda records: hamcrest_that(records, empty())
    )

    hamcrest_that(counters(result), equal_to({"success-events-count": 1}))


@pytest.fixture
def merged_before(keyspace: Keyspace, account: Callable[[str], str]) -> Callable[[str], str]:
    """b was merged into c, which lacks an enrolment of b, and into d, which does not."""
    b, c, d = account("b"), account("c"), account("d")
    keyspace.insert(
        {
            ENROLMENTS: [enrolment(b, status=1), enrolment(d, status=2)],
            MERGE_LOG: [{"userid": b, "intoid": into, "mid": f"LP.b-{into[0]}"} for into in (c, d)],
        }
    )
    return account


def test_only_an_account_that_lacks_something_is_followed_up_with_the_path(
    keyspace: Keyspace, merged_before: Callable[[str], str]
) -> None:
    a, b, c = map(merged_before, "abc")
    ets = event().ets

    def follow_up(path: list[str]) -> Matcher[Any]:
        edata = has_entries(fromAccountId=b, toAccountId=c, path=path, action="merge-user-courses-and-cert")
        mid = matches_regexp(rf"^LP\.{ets}\.[0-9a-f-]{{36}}$")
        return contains_exactly(contains_exactly(c, has_entries(eid="BE_JOB_REQUEST", mid=mid, edata=edata)))

    result = request(keyspace, [JoinedEvent(event(a, b), ())], follow_ups=follow_up([a, b]))
    hamcrest_that(counters(result), equal_to({"success-events-count": 1, "follow-up-events-count": 1}))

    later = event(a, b, path=[merged_before("z"), a])
    request(keyspace, [JoinedEvent(later, ())], follow_ups=follow_up([merged_before("z"), a, b]))


def test_a_follow_up_made_again_has_the_same_mid(keyspace: Keyspace) -> None:
    keyspace.insert(
        {
            ENROLMENTS: [enrolment("pinned-b")],
            MERGE_LOG: [{"userid": "pinned-b", "intoid": "pinned-c", "mid": "LP.b-c"}],
        }
    )
    same = has_entries(mid="LP.1648720639981.fcac87ae-396f-5bbe-a189-b68553c6353d")

    for offset in (1, 2):
        repeated = JoinedEvent(event("pinned-a", "pinned-b", offset=offset), ())
        request(keyspace, [repeated], follow_ups=contains_exactly(contains_exactly("pinned-c", same)))


def test_events_of_one_bundle_share_a_follow_up(keyspace: Keyspace, merged_before: Callable[[str], str]) -> None:
    b, c = merged_before("b"), merged_before("c")
    events = [JoinedEvent(event(merged_before(f"a{i}"), b, offset=i), ()) for i in range(3)]

    result = request(
        keyspace, events, follow_ups=contains_exactly(contains_exactly(c, has_entries(eid="BE_JOB_REQUEST")))
    )

    hamcrest_that(counters(result), equal_to({"success-events-count": 3, "follow-up-events-count": 1}))


def test_with_the_ledger_off_nothing_is_followed_up(
    keyspace: Keyspace, merged_before: Callable[[str], str]
) -> None:
    one = JoinedEvent(event(merged_before("a"), merged_before("b")), ())

    result = request(keyspace, [one], follow_ups=contains_exactly(), merge=NO_LEDGER)

    hamcrest_that(counters(result), not_(has_key("follow-up-events-count")))


@pytest.mark.parametrize("limits", [RecordLimits(sync_requests=1_000), RecordLimits(follow_ups=1_000)])
def test_an_event_with_a_message_that_is_larger_than_its_topic_takes_fails_without_any(
    limits: RecordLimits, keyspace: Keyspace, merged_before: Callable[[str], str]
) -> None:
    b, c = merged_before("b"), merged_before("c")
    too_long = event("a" * 1_000, b, offset=1)
    small = event(merged_before("a"), b, offset=2)

    def build(pipeline: TestPipeline) -> None:
        merged = [JoinedEvent(too_long, (("c" * 1_000, "b1"),)), JoinedEvent(small, (("c1", "b1"),))]
        made = (
            pipeline
            | Create(merged, reshuffle=False)
            | RequestEnrolmentSync(keyspace.settings(), MERGE, lambda: limits)
        )
        error = r"^It is merged, but a message .+ cannot be published: .+ \(max\.message\.bytes is 1,000\)"
        assert_that(made[FAILED], matches(failure_of(too_long, error)), label="failed")
        assert_that(made.sync_requests, keys(b), label="sync requests")
        assert_that(made.follow_ups, keys(c), label="follow-ups")

    def keys(*expected: str) -> Callable[[list[Any]], None]:
        return lambda records: hamcrest_that([key.decode() for key, _ in records], contains_exactly(*expected))

    hamcrest_that(
        counters(run_pipeline(build)),
        equal_to({"success-events-count": 1, "db-update-user-course-batch": 1, "follow-up-events-count": 1}),
    )


def test_an_event_whose_follow_ups_cannot_be_found_out_fails_without_a_request(
    unreachable: CassandraSettings,
) -> None:
    one = event()

    result = run(
        RequestEnrolmentSync(unreachable, MERGE),
        [JoinedEvent(one, (("c1", "b1"),))],
        sync_requests=[],
        follow_ups=[],
        failed=[failure_of(one, f"^The merge log could not be read: {NO_ANSWER}")],
    )

    hamcrest_that(counters(result).keys(), only_contains(CASSANDRA_RETRIES, CASSANDRA_OUTAGES, HISTORY_ERRORS))


# The history


def history(keyspace: Keyspace, account: str) -> list[dict[str, Any]]:
    return keyspace.rows(HISTORY_TABLE, userid=account)


def test_the_history_says_what_became_of_each_event_of_a_bundle(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    a, b, c = map(account, "abc")
    rows = ("user_enrolments", 5, 2), ("content_consumption", 3, 0), ("user_activity_agg", 0, 0)
    one = JoinedEvent(event(a, b, offset=1), (("c1", "b1"), ("c2", "b2")), rows, 1_000, 2_000)
    again = JoinedEvent(event(b, c, offset=2, path=[a, b]), (), (("user_enrolments", 5, 0),), 1_000, 2_000)
    failed = JoinedEvent(
        dataclasses.replace(event(a, c, offset=3), replayed=True), (("c1", "b1"),), rows, error="late"
    )

    result = run(
        RequestEnrolmentSync(keyspace.settings(), MERGE),
        [one, again, failed],
        failed=[failure_of(failed.event, "^late$")],
    )

    (of_one,) = history(keyspace, b)
    ended = of_one.pop("ended_on")
    hamcrest_that(datetime.now(UTC).replace(tzinfo=None) - ended, less_than(timedelta(minutes=1)))
    assert of_one == {
        "userid": b,
        "mid": one.event.mid,
        "fromid": a,
        "outcome": "merged",
        "cause": "event",
        "path": [],
        "source": one.source.id,
        "started_on": datetime.fromtimestamp(1, UTC).replace(tzinfo=None),
        "rows_read": {"user_enrolments": 5, "content_consumption": 3},
        "rows_written": {"user_enrolments": 2},
        "requests": 2,
        "followups": 0,
        "version": version("merge-user-courses"),
    }
    hamcrest_that(
        history(keyspace, c),
        contains_inanyorder(
            has_entries(fromid=b, outcome="unchanged", cause="follow-up", path=[a, b], requests=0),
            has_entries(fromid=a, outcome="failed", cause="replay", requests=0, source=failed.source.id),
        ),
    )
    hamcrest_that(counters(result), not_(has_key(HISTORY_ERRORS)))


def test_an_event_that_comes_twice_in_a_bundle_has_two_rows(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    events = [event(account("from"), account("to"), offset=offset) for offset in range(20)]

    run(RequestEnrolmentSync(keyspace.settings(), MERGE), [JoinedEvent(one, ()) for one in events], failed=[])

    sources = {row["source"] for row in history(keyspace, events[0].to_account)}
    hamcrest_that(sources, equal_to({one.source.id for one in events}))


def test_rows_of_the_history_have_the_configured_ttl(keyspace: Keyspace, account: Callable[[str], str]) -> None:
    one, days = event(account("from"), account("to")), 3
    short = dataclasses.replace(MERGE, history_ttl_days=days)

    run(RequestEnrolmentSync(keyspace.settings(), short), [JoinedEvent(one, ())], failed=[])

    query = f"SELECT TTL(outcome) AS ttl FROM {HISTORY_TABLE} WHERE userid = %s"
    ttl = keyspace.session.execute(query, [one.to_account]).one()["ttl"]
    hamcrest_that(days * 86_400 - ttl, all_of(greater_than_or_equal_to(0), less_than(60)))


@pytest.mark.parametrize("merge", [dataclasses.replace(MERGE, history_ttl_days=0), NO_LEDGER])
def test_with_a_ttl_of_0_or_the_ledger_off_there_is_no_history(
    merge: MergeSettings, keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    one = event(account("from"), account("to"))

    run(RequestEnrolmentSync(keyspace.settings(), merge), [JoinedEvent(one, ())], failed=[])

    hamcrest_that(history(keyspace, one.to_account), empty())


def test_a_history_that_cannot_be_written_fails_no_event_and_is_counted(make_keyspace: MakeKeyspace) -> None:
    keyspace = make_keyspace()
    keyspace.session.execute(f"DROP TABLE {HISTORY_TABLE}")
    events = [JoinedEvent(event("a", f"b{i}", offset=i), (("c1", "b1"),)) for i in range(3)]

    result = run(RequestEnrolmentSync(keyspace.settings(), MERGE), events, failed=[])

    hamcrest_that(
        counters(result),
        equal_to({"success-events-count": 3, "db-update-user-course-batch": 3, HISTORY_ERRORS: 3}),
    )


def test_history_or_not_gives_the_same_tables_and_outputs(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    counts, tables = [], []
    for days in (730, 0):
        a, b = account(f"a{days}"), account(f"b{days}")
        keyspace.insert({ENROLMENTS: [enrolment(a, status=2), enrolment(b, "c2")]})
        settings = dataclasses.replace(MERGE, history_ttl_days=days)

        def build(pipeline: TestPipeline, a: str = a, b: str = b, settings: MergeSettings = settings) -> None:
            made = build_graph(pipeline | Create([record(message(a, b))]), keyspace.settings(), settings)
            assert_that(made.sync_requests, lambda records: hamcrest_that(records, has_length(2)))

        counted = counters(run_pipeline(build)).items()
        counts.append({name: count for name, count in counted if "latency" not in name})
        rows = {table: keyspace.rows(table, userid=b) for table in (ENROLMENTS, CONTENT_CONSUMPTION, LEDGER)}
        tables.append({table: [{**row, "userid": ""} for row in found] for table, found in rows.items()})
        hamcrest_that(history(keyspace, b), has_length(1 if days else 0))
    hamcrest_that(counts[1], equal_to(counts[0]))
    hamcrest_that(tables[1], equal_to(tables[0]))


# The whole graph


def test_records_that_arrive_apart_become_requests_follow_ups_and_failures(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    a, b, c = map(account, "abc")
    keyspace.insert({ENROLMENTS: [enrolment(a, status=2), enrolment(b, "c2")]})

    stream = (
        TestStream()
        .add_elements([record(message(b, c), offset=0), record(b"{", offset=1)])
        .advance_watermark_to(100)
        .advance_processing_time(60)
        .add_elements([record(message(a, b), offset=2)])
        .advance_watermark_to_infinity()
    )
    requested = [(c, "c2"), (b, "c1"), (b, "c2")]

    with TestPipeline(options=PipelineOptions(["--streaming"])) as pipeline:
        records = pipeline | stream | beam.Map(lambda one: one).with_output_types(KafkaRecord)
        outputs = build_graph(records, keyspace.settings(), MERGE)
        assert_that(
            outputs.sync_requests,
            lambda records: hamcrest_that(
                [(key, sent["edata"]["courseId"]) for key, sent in decoded(records)],
                contains_inanyorder(*requested),
            ),
            label="sync requests",
        )
        # What a brought to b came after b had been merged into c.
        assert_that(
            outputs.follow_ups,
            lambda records: hamcrest_that(
                decoded(records),
                contains_exactly(contains_exactly(c, has_entries(edata=has_entries(path=[a, b])))),
            ),
            label="follow-ups",
        )
        assert_that(
            outputs.failed,
            lambda records: hamcrest_that(
                decoded(records),
                contains_exactly(contains_exactly(matches_regexp("-0-1$"), has_entries(rawMessage="{"))),
            ),
            label="failed",
        )

    hamcrest_that(keyspace.rows(ENROLMENTS, userid=c), contains_exactly(has_entries(courseid="c2")))
    hamcrest_that(keyspace.rows(ENROLMENTS, userid=b), has_length(2))


def test_in_a_stream_events_to_one_account_are_merged_in_the_order_in_which_they_arrive(
    keyspace: Keyspace, account: Callable[[str], str]
) -> None:
    primary = account("to")
    froms = [account(f"from-{i}") for i in range(8)]
    # The primary's certificates stay first in the union: they end in the order of the merges.
    keyspace.insert({ENROLMENTS: [enrolment(one, certificates=[{"identifier": one}]) for one in froms]})
    order = (3, 0, 6, 1, 7, 2, 5, 4)
    stream = TestStream()
    for i in order:
        stream.add_elements([record(message(froms[i], primary), offset=i)]).advance_processing_time(1)

    with TestPipeline(options=PipelineOptions(["--streaming"])) as pipeline:
        records = pipeline | stream.advance_watermark_to_infinity()
        build_graph(records, keyspace.settings(), MERGE)

    (row,) = keyspace.rows(ENROLMENTS, userid=primary)
    hamcrest_that(row["certificates"], equal_to([{"identifier": froms[i]} for i in order]))
