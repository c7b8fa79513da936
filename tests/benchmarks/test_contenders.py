"""Floor and baseline on a real Cassandra: they write what the job writes."""

from __future__ import annotations

import time
from typing import Any

import apache_beam as beam
import pytest
from cassandra.cluster import Session
from hamcrest import assert_that, equal_to, has_length

from benchmarks.account_rows import ACTIVITY_AGG, ASSESSMENTS, CONTENT_CONSUMPTION, ENROLMENTS
from benchmarks.baseline import Baseline
from benchmarks.contenders import Contender
from benchmarks.driver import connect
from benchmarks.floor import Floor
from benchmarks.loading import load
from benchmarks.plan import plan
from benchmarks.workload import Pair, Shape, Workload
from faults.comparable_rows import comparable
from faults.events import record
from faults.keyspaces import Keyspace, MakeKeyspace
from faults.memory_tables import LEDGER, MERGE_LOG
from local.settings import LocalSettings
from pipeline.graph import build_graph
from tests.support.pipelines import run_pipeline
from transforms.settings import MergeSettings

_PAIRS = 3
_OWNERS = {ACTIVITY_AGG: "user_id", ASSESSMENTS: "user_id"}
_MERGE = MergeSettings(
    merge_ledger=True,
    course_date_format="yyyy-MM-dd HH:mm:ss:SSSZ",
    course_batch_updater_action="sync",
    history_ttl_days=730,
)


def _of_pairs(keyspace: Keyspace, pairs: list[Pair]) -> dict[str, Any]:
    accounts = {account for pair in pairs for account in (pair.from_account, pair.to_account)}
    return comparable(
        {
            table: [row for row in rows if row[_OWNERS.get(table, "userid")] in accounts]
            for table, rows in keyspace.all_rows().items()
        }
    )


def _merged_by_the_job(session: Session, keyspace: Keyspace, pairs: list[Pair]) -> dict[str, Any]:
    load(session, pairs, keyspace.session.keyspace)
    records = [record(pair.event(), offset=offset) for offset, pair in enumerate(pairs)]
    run_pipeline(lambda p: build_graph(p | beam.Create(records), keyspace.settings(), _MERGE))
    return _of_pairs(keyspace, pairs)


@pytest.mark.parametrize(
    ("kind", "tables"),
    [
        (Floor, [CONTENT_CONSUMPTION, ENROLMENTS, ACTIVITY_AGG, ASSESSMENTS, LEDGER, MERGE_LOG]),
        # The Scala job drops enrolments that both have, leaves attempts alone, and has no ledger nor merge log.
        (Baseline, [CONTENT_CONSUMPTION, ACTIVITY_AGG]),
    ],
)
def test_it_leaves_the_rows_that_the_job_leaves(
    kind: type[Contender[Any]],
    tables: list[str],
    settings: LocalSettings,
    cassandra_session: Session,
    make_keyspace: MakeKeyspace,
) -> None:
    pairs = list(Workload(Shape(attempts=2), seed=1).pairs(kind.__name__, _PAIRS))
    shared = Keyspace(cassandra_session, settings.cassandra_port)
    of_job = make_keyspace()
    with connect(settings) as session:
        assert_that(load(session, pairs), equal_to(_PAIRS * 2 * (100 + 5 + 5 + 10)))
        before = _of_pairs(shared, pairs)
        contender = kind(session)
        contender.merge([contender.prepare(plan(pair, int(time.time() * 1000))) for pair in pairs])
        job = _merged_by_the_job(session, of_job, pairs)
    after = _of_pairs(shared, pairs)

    for table in tables:
        assert_that(after[table], equal_to(job[table]), table)
    assert_that(before[CONTENT_CONSUMPTION], has_length(_PAIRS * 200))
    assert_that(after[CONTENT_CONSUMPTION], has_length(_PAIRS * 260))


def test_the_baseline_needs_as_many_statements_as_the_scala_job(
    settings: LocalSettings, cassandra_service: object
) -> None:
    with connect(settings) as session:
        statements = Baseline(session).prepare(plan(Workload(Shape(), seed=1).pair("any", 0), 1))
    # 100 content rows, 3 new enrolments and 5 aggregates; 2 + 2 + 10 reads, and the enrolments for the requests.
    assert_that(statements, has_length(123))


def test_an_error_of_cassandra_comes_out_of_the_floor(settings: LocalSettings, cassandra_service: object) -> None:
    with connect(settings) as session:
        floor = Floor(session)
        planned = plan(Workload(Shape(), seed=1).pair("any", 0), 1)
        planned.enrolments[0].values["status"] = "not a number"
        with pytest.raises(Exception, match="required argument is not an integer"):
            floor.merge([planned])
