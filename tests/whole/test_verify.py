"""The commands `verify` and `history` of a job on real Kafka and Cassandra."""

from __future__ import annotations

import threading

import pytest
from hamcrest import all_of, assert_that, contains_exactly, contains_string, equal_to, has_entries, has_item

from faults.events import message
from faults.job import Job
from faults.keyspaces import Keyspace
from faults.memory_tables import ENROLMENTS
from pipeline.operators.verify import command, verifying
from tests.support.commands import Operator, run_when_published
from tests.whole.conftest import MakeJob
from transforms.store.merge_history import HISTORY_TABLE

BATCH = {"courseid": "c", "batchid": "b"}


@pytest.fixture(scope="module")
def job(make_job: MakeJob) -> Job:
    """a is merged into b, after b into c, and d into e; what is no event has failed; e into c waits."""
    job = make_job()
    job.insert({ENROLMENTS: [{"userid": account, **BATCH, "status": 1} for account in "abcde"]})
    job.insert({ENROLMENTS: [{"userid": "a", "courseid": "late", "batchid": "b", "status": 2}]})
    job.publish([message("b", "c")])
    job.run()
    job.publish([message("a", "b"), message("d", "e"), b"no event"])
    job.run()
    job.publish([message("e", "c")])
    return job


@pytest.fixture
def operator(job: Job, capsys: pytest.CaptureFixture[str]) -> Operator:
    kafka = [f"--env={job.env}", f"--kafka_broker_servers={job.services.kafka_address}"]
    return Operator(Keyspace(job.session, job.services.cassandra_port), capsys, kafka)


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "_SETTLED_S", 0)


def test_every_event_of_the_topic_is_merged_failed_or_waits(operator: Operator) -> None:
    told = operator.run("verify", "--topic")

    assert_that(
        told.output, equal_to("events: 4 merged, 1 failed, 1 waiting\n3 merges judged: all is as it should be\n")
    )
    assert_that((told.exit_code, told.errors), contains_exactly(0, ""))
    assert_that(operator.run("verify", "--topic", "--since=2000-01-01").exit_code, equal_to(2))
    later = operator.run("verify", "--topic", "--since=2100-01-01T00:00:00Z")
    assert_that(later, contains_exactly(0, contains_string("0 merges judged"), ""))


def test_the_history_of_the_chain_has_its_follow_up(operator: Operator) -> None:
    (a_to_b,) = operator.run("history", "--account=a", "--format=json").json["merged_into_others"]
    (b_to_c,) = a_to_b["further"]

    assert_that(
        a_to_b, has_entries(outcome="merged", events=contains_exactly(has_entries(cause="event", followups=1)))
    )
    follow_up, original = b_to_c["events"]
    assert_that(follow_up, has_entries(cause="follow-up", path=["a", "b"], rows_written={"user_enrolments": 1}))
    assert_that(original, has_entries(cause="event", path=[]))


def test_an_event_that_nothing_is_known_of_is_found(operator: Operator, job: Job) -> None:
    rows = list(job.session.execute(f"SELECT * FROM {HISTORY_TABLE} WHERE userid = 'e'"))
    job.session.execute(f"DELETE FROM {HISTORY_TABLE} WHERE userid = 'e'")
    try:
        told = operator.run("verify", "--topic", "--format=json")
    finally:
        columns = ("userid", "ended_on", "mid", "fromid", "outcome", "cause", "source", "started_on")
        job.insert({HISTORY_TABLE: [{column: row[column] for column in columns} for row in rows]})

    assert_that(told.exit_code, equal_to(1))
    assert_that(told.json["events"], equal_to({"merged": 3, "failed": 1, "waiting": 1}))
    lost = has_entries(
        account="e", from_account="d", problem=contains_string("neither merged, nor failed, nor waiting")
    )
    assert_that(told.json["findings"], has_item(lost))


def test_what_is_damaged_is_mended_by_a_repair(
    operator: Operator, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.session.execute(
        f"UPDATE {ENROLMENTS} SET status = 0 WHERE userid = 'e' AND courseid = 'c' AND batchid = 'b'"
    )
    monkeypatch.setattr(command, "_MERGED_WITHIN_S", 0.0)
    told = operator.run("verify", "--from=d", "--to=e", "--repair")
    assert_that(
        told,
        contains_exactly(
            1,
            all_of(
                contains_string("status is 0; merging again makes it 1"),
                contains_string("1 merge published again"),
            ),
            contains_string("is not merged within 0 s: see that the job runs, and verify again when it has."),
        ),
    )

    monkeypatch.setattr(command, "_MERGED_WITHIN_S", 120.0)
    running = threading.Thread(target=run_when_published, args=(job, job.lag()))
    running.start()
    told = operator.run("verify", "--account=e", "--repair")
    running.join()

    assert_that(told.output, contains_string("1 merge published again\n1 merge judged: all is as it should be"))
