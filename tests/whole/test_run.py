"""What a local run merges: the backlog of its group, wherever it lies, follow-ups included, and within bounds."""

from __future__ import annotations

import io
import re
import time
from typing import Any

import pytest
from hamcrest import assert_that, contains_exactly, equal_to, has_entries, has_length, less_than
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from rich.console import Console

from faults.events import message
from faults.job import Job
from faults.memory_tables import CONTENT_CONSUMPTION, ENROLMENTS
from pipeline.configuration.settings import resolve
from pipeline.kafka.errors import GroupInUseError
from pipeline.run import run_backlog
from tests.whole.conftest import MakeJob


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


def test_a_run_with_a_pace_takes_no_more_than_it_says(make_job: MakeJob) -> None:
    job = make_job(options=["--merge_events_per_second=10"])
    job.publish([b"{"] * 60)

    began = time.monotonic()
    metrics = job.run()

    assert_that(metrics.total, equal_to(60))
    assert_that(metrics.total / (time.monotonic() - began), less_than(10 * 1.1))


def test_a_pass_has_a_bound_of_bytes_too(make_job: MakeJob) -> None:
    job = make_job(partitions=2)
    job.publish([b"x" * 1_000_000] * 40)
    console = Console(file=io.StringIO())

    metrics = run_backlog(resolve(job.argv, {}), console)

    passes = re.findall(r"Merging (\d+) of (\d+) records", console.file.getvalue())
    assert_that(passes, equal_to([("16", "40"), ("16", "24"), ("8", "8")]))
    assert_that(metrics.counters, has_entries({"total-events-count": 40, "skipped-event-count": 40}))
    assert_that(job.lag(), equal_to(0))
    assert_that(job.failed(), has_length(40))


class Rival(Console):
    """Commits for the group whenever a pass begins, as a job on Flink does at any time."""

    def __init__(self, job: Job) -> None:
        super().__init__(quiet=True)
        self._job = job

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*objects, **options)
        consumer = KafkaConsumer(
            bootstrap_servers=self._job.services.kafka_address,
            group_id=self._job.group,
            enable_auto_commit=False,
        )
        try:
            consumer.commit({TopicPartition(self._job.input_topic, 0): OffsetAndMetadata(1, "", -1)})
        finally:
            consumer.close()


def test_a_run_that_is_not_alone_in_its_group_ends_with_a_sentence_and_commits_nothing(make_job: MakeJob) -> None:
    job = make_job(partitions=2)
    job.publish([message("from", f"to{i}") for i in range(4)])

    with pytest.raises(GroupInUseError, match=r"has committed 1 of .*-0, and had None: another run"):
        run_backlog(resolve(job.argv, {}), Rival(job))

    assert_that(job.lag(), equal_to(3))


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
