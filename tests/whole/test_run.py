"""What a local run merges: the backlog of its group, wherever it lies, follow-ups included, and within bounds."""

from __future__ import annotations

from hamcrest import assert_that, contains_exactly, equal_to, has_entries, has_length
from kafka import KafkaProducer

from tests.memory_tables import CONTENT_CONSUMPTION, ENROLMENTS
from tests.transforms.events import message
from tests.whole.conftest import MakeJob
from tests.whole.job import Job


def _views(job: Job, account: str) -> int | None:
    row = job.session.execute(f"SELECT viewcount FROM {CONTENT_CONSUMPTION} WHERE userid = %s", (account,)).one()
    return row and row["viewcount"]


def test_history_that_arrives_after_its_account_was_merged_follows(make_job: MakeJob) -> None:
    job = make_job()
    row = {"courseid": "c", "batchid": "b"}
    job.insert(
        {
            CONTENT_CONSUMPTION: [
                {"userid": account, **row, "contentid": "k", "viewcount": views}
                for account, views in (("a", 1), ("b", 10), ("c", 100))
            ],
            ENROLMENTS: [{"userid": "a", **row, "status": 2}],
        }
    )
    job.publish([message("b", "c")])
    job.run()
    assert_that(_views(job, "c"), equal_to(110))

    job.publish([message("a", "b")])
    metrics = job.run()

    assert_that(_views(job, "c"), equal_to(111))
    assert_that(metrics.counters, has_entries({"total-events-count": 2, "follow-up-events-count": 1}))
    (_, _, follow_up) = sorted(job.inputs(), key=lambda event: "path" in event["edata"])
    assert_that(
        follow_up["edata"],
        has_entries(fromAccountId="b", toAccountId="c", path=contains_exactly("a", "b")),
    )
    assert_that({request["edata"]["userId"] for request in job.sync_requests()}, equal_to({"b", "c"}))
    assert_that(job.lag(), equal_to(0))


def test_a_backlog_in_one_of_many_partitions_is_merged_and_the_bounds_hold(make_job: MakeJob) -> None:
    job = make_job(partitions=4, options=["--max_num_records=3"])
    job.publish([message("from", f"to{i}") for i in range(5)], partition=2)

    first = job.run()

    assert_that(first.total, equal_to(3))
    assert_that(job.lag(), equal_to(2))
    job.options = []
    assert_that(job.run().total, equal_to(2))
    assert_that(job.lag(), equal_to(0))


def test_events_of_transactions_are_merged_once_committed_and_their_markers_are_passed_over(
    make_job: MakeJob,
) -> None:
    job = make_job(partitions=1)
    producer = KafkaProducer(bootstrap_servers=job.services.kafka_address, transactional_id=job.env)
    try:
        producer.init_transactions()
        for to_account, end in (("x", producer.commit_transaction), ("y", producer.abort_transaction)):
            producer.begin_transaction()
            producer.send(
                job.input_topic, b'{"edata": {"fromAccountId": "f", "toAccountId": "%s"}}' % to_account.encode()
            )
            producer.flush()
            end()
    finally:
        producer.close()

    assert_that(job.run().counters["success-events-count"], equal_to(1))
    assert_that(job.failed(), has_length(0))
    assert_that(job.run().total, equal_to(0))
