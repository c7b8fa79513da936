"""Failed events replayed on a real Kafka: merged, and merged once; what fails again stays what it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any
from unittest import mock

import pytest
from hamcrest import (
    all_of,
    assert_that,
    contains_string,
    equal_to,
    greater_than,
    has_entries,
    has_length,
    is_in,
    not_,
)
from kafka import KafkaProducer

from faults.comparable_rows import comparable
from faults.events import message
from faults.job import Job
from faults.memory_tables import CONTENT_CONSUMPTION, MERGE_LOG, MemoryTables, merge_event
from faults.streams import Stream
from local.settings import PROJECT
from tests.whole.conftest import MakeJob
from tests.whole.test_inputs import MALFORMED
from transforms.elements import FailedEvent, Source
from transforms.format_failed_events import DATA_ERROR, INVALID_EVENT, failed_event, failed_record
from transforms.rules.rows import RowWrite
from transforms.store.activity_aggregates import ActivityAggregates
from transforms.store.errors import StoreError
from transforms.store.merge_history import HISTORY_TABLE
from transforms.strict_json import write_json

ADDED = {"jobName", "failInfo", "source"}


def _own(failed: dict[str, Any]) -> bytes:
    return write_json({name: value for name, value in failed.items() if name not in ADDED})


def _replayed(job: Job) -> list[Any]:
    """The records of the input topic that a replay published."""
    return [record for record in job.records(job.input_topic) if record.headers]


@contextmanager
def too_few_replicas(job: Job) -> Iterator[None]:
    """No quorum can be reached while the keyspace wants more replicas than there are nodes."""

    def replicate(factor: int) -> None:
        job.session.execute(
            f"ALTER KEYSPACE {job.session.keyspace} WITH replication ="
            f" {{'class': 'SimpleStrategy', 'replication_factor': {factor}}}"
        )

    replicate(3)
    try:
        yield
    finally:
        replicate(1)


async def _refuse(_: ActivityAggregates, __: Iterable[RowWrite]) -> None:
    msg = "InvalidRequest: refused"
    raise StoreError(msg)


def test_events_that_were_merged_in_part_are_merged_whole_by_a_replay_and_doubled_by_none(
    make_job: MakeJob,
) -> None:
    stream = Stream(make_job(partitions=3), seed=11, accounts=24, events=32)
    stream.publish()
    job = stream.job
    # A table of another shape is refused at the start, so what Cassandra refuses later is played by the store.
    with mock.patch.object(ActivityAggregates, "write", _refuse):
        job.run()
    failed = job.failed()
    assert_that(len(failed), greater_than(0))
    assert_that({event["failInfo"]["errorCode"] for event in failed}, equal_to({DATA_ERROR}))
    partly = [row for row in job.rows()[CONTENT_CONSUMPTION] if row not in stream.before[CONTENT_CONSUMPTION]]
    assert_that(len(partly), greater_than(0))

    assert_that(job.replay().exit_code, equal_to(0))
    job.run()

    stream.check(replayed=len(failed))
    history = list(job.session.execute(f"SELECT outcome, cause FROM {HISTORY_TABLE}"))
    assert_that(sum(row["outcome"] == "failed" for row in history), equal_to(len(failed)))
    replayed = _replayed(job)
    assert_that(sum(row["cause"] == "replay" for row in history), equal_to(len(replayed)))
    assert_that({record.value for record in replayed}, equal_to({_own(event) for event in failed}))
    positions = {f"{r.topic}-{r.partition}-{r.offset}".encode() for r in job.records(job.failed_topic)}
    for record in replayed:
        assert_that(record.headers, equal_to([("replayed-from", record.headers[0][1])]))
        assert_that(record.headers[0][1], is_in(positions))
        assert_that(record.key, equal_to(None))

    rows = comparable(job.rows())
    for _ in range(2):
        assert_that(job.replay().exit_code, equal_to(0))
    job.run()

    assert_that(_replayed(job), has_length(3 * len(replayed)))
    assert_that(comparable(job.rows()), equal_to(rows))
    stream.check(replayed=len(failed))


def test_an_event_that_is_replayed_after_its_to_account_was_merged_on_reaches_the_last_account(
    make_job: MakeJob,
) -> None:
    job = make_job(options=["--cassandra_retry_seconds=0"])
    before = {
        CONTENT_CONSUMPTION: [
            {"userid": account, "courseid": "c", "batchid": "b", "contentid": "k", "viewcount": views}
            for account, views in (("A", 1), ("B", 10), ("C", 100))
        ]
    }
    job.insert(before)
    job.publish([message("A", "B")])
    with too_few_replicas(job):
        job.run()
    assert_that([event["failInfo"]["errorCode"] for event in job.failed()], equal_to([DATA_ERROR]))
    job.options = []
    job.publish([message("B", "C")])
    job.run()
    assert_that(_views(job), has_entries(B=10, C=110))

    job.replay()
    job.run()

    assert_that(_views(job), has_entries(A=1, B=11, C=111))
    oracle = MemoryTables(before)
    oracle.merge_all(merge_event(*pair, mid=message(*pair)["mid"]) for pair in (("A", "B"), ("B", "C")))
    actual, expected = comparable(job.rows()), comparable(oracle.export())
    for table in expected.keys() - {MERGE_LOG}:
        assert_that(actual[table], equal_to(expected[table]), table)
    job.replay()
    job.run()
    assert_that(comparable(job.rows()), equal_to(actual))


def _views(job: Job) -> dict[str, int]:
    return {row["userid"]: row["viewcount"] for row in job.rows()[CONTENT_CONSUMPTION]}


def test_what_fails_again_is_the_same_failed_event_and_is_published_once_a_run(make_job: MakeJob) -> None:
    job = make_job()
    poison = message("from", "t" * 70_000)  # Cassandra's keys are shorter
    job.publish([*MALFORMED.values(), poison])
    job.run()
    first = job.failed()

    assert_that(job.replay().output, contains_string("1 event published"))
    assert_that([record.value for record in _replayed(job)], equal_to([write_json(poison)]))
    job.replay("--error_code=all")
    job.run()

    published = {
        value if value is None or isinstance(value, bytes) else write_json(value) for value in MALFORMED.values()
    }
    assert_that(
        Counter(record.value for record in _replayed(job)),
        equal_to({**dict.fromkeys(published, 1), write_json(poison): 2}),
    )
    fields = Counter((_own(event), event["failInfo"]["errorCode"]) for event in job.failed())
    codes = {_own(event): event["failInfo"]["errorCode"] for event in first}
    assert_that(fields, equal_to({item: 3 if item[1] == DATA_ERROR else 2 for item in codes.items()}))

    third = job.replay("--error_code=all", "--dry_run")
    assert_that(_table(third.output)[DATA_ERROR], equal_to([3, 0, 2, 1]))
    assert_that(_table(third.output)[INVALID_EVENT], equal_to([20, 0, 10, 10]))


def _table(output: str) -> dict[str, list[int]]:
    """The numbers of the report by their line's name."""
    lines = [
        [cell.strip() for cell in line.strip("│┃ ").replace("┃", "│").split("│")] for line in output.splitlines()
    ]
    return {line[0]: [int(n.replace(",", "")) for n in line[1:]] for line in lines if line[-1].isdecimal()}


TIMES = {name: f"2026-01-31T{hour}:00:00Z" for name, hour in (("early", 20), ("middle", 21), ("late", 22))}


def _ms(time_: str) -> int:
    return int(datetime.fromisoformat(time_).timestamp() * 1000)


def _failed(original: Any, code: str = DATA_ERROR, offset: int = 0) -> bytes:
    raw = original if isinstance(original, bytes) else json.dumps(original).encode()
    source = Source("in", 0, offset, 1)
    return write_json(failed_event(FailedEvent(code, "What is wrong", source, raw)))


def _cut(job: Job, original: Any, offset: int) -> bytes:
    """A failed event that has only the beginning of its original, of a position of the first partition."""
    source = Source(job.input_topic, 0, offset, 1)
    record = failed_record(FailedEvent(DATA_ERROR, "Why", source, json.dumps(original).encode()), limit=2_000)
    assert record is not None
    return record[1]


def _fail(job: Job, *failures: bytes | None, at: str = TIMES["middle"]) -> None:
    """Put records into the failed topic."""
    producer = KafkaProducer(bootstrap_servers=job.services.kafka_address)
    try:
        for failure in failures:
            producer.send(job.failed_topic, failure, key=b"key", timestamp_ms=_ms(at))
        producer.flush()
    finally:
        producer.close()


@pytest.fixture(scope="module")
def filled(make_job: MakeJob) -> Job:
    """A job with failed events of three times and several accounts, among records of other jobs."""
    job = make_job()
    for name, at in TIMES.items():
        event = {**message(f"{name}-from", f"{name}-to"), "mid": f"mid.{name}"}
        invalid = {**message(f"{name}-to", f"{name}-to"), "mid": f"mid.{name}.invalid"}
        _fail(job, _failed(event), _failed(event, offset=7), _failed(invalid, INVALID_EVENT), at=at)
        _fail(job, _failed(b"raw", INVALID_EVENT), b"{}", b"\xff", None, at=at)
        _fail(job, json.dumps({**event, "mid": "other", "jobName": "ActivityAggregates"}).encode(), at=at)
    return job


@pytest.mark.parametrize(
    ("options", "mids"),
    [
        ([], ["early", "middle", "late"]),
        (["--since=2026-01-31T20:00:00Z"], ["early", "middle", "late"]),
        (["--since=2026-01-31T20:00:00.001Z"], ["middle", "late"]),
        (["--since=2026-02-01T02:30:00+05:30"], ["middle", "late"]),
        (["--until=2026-01-31T21:00:00Z"], ["early"]),
        (["--since=2026-01-31T21:00:00Z", "--until=2026-01-31T22:00:00Z"], ["middle"]),
        (["--since=2026-01-31T22:00:00.001Z"], []),
        (["--since=0s"], []),
        (["--account=early-from"], ["early"]),
        (["--account=late-to", "--account=early-from"], ["early", "late"]),
        (["--account=LATE-TO"], []),
        (["--account=late-to", "--error_code=all"], ["late", "late.invalid"]),
        (["--account=late-to", f"--error_code={INVALID_EVENT}"], ["late.invalid"]),
        (
            [f"--error_code={INVALID_EVENT}", f"--error_code={DATA_ERROR}", "--until=2026-01-31T21:00:00Z"],
            ["early", "early.invalid", "-"],
        ),
    ],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_filters_choose_and_a_dry_run_shows_what_and_publishes_nothing(
    options: list[str], mids: list[str], filled: Job
) -> None:
    replayed = filled.replay("--dry_run", *options)

    assert_that(replayed.exit_code, equal_to(0))
    shown = [line.split("  ") for line in replayed.output.splitlines() if line.startswith("2026-")]
    expected = [mid if mid == "-" else f"mid.{mid}" for mid in mids]
    assert_that(sorted(line[2] for line in shown), equal_to(sorted(expected)))
    assert_that(replayed.output, contains_string("Dry run: nothing is published"))
    assert_that(filled.records(filled.input_topic), has_length(0))


def test_a_line_of_a_dry_run_tells_time_code_mid_accounts_and_error(filled: Job) -> None:
    output = filled.replay("--dry_run", "--account=late-from").output

    line = "2026-01-31T22:00:00Z  DATA_ERROR  mid.late  late-from → late-to  What is wrong"
    assert_that(output.splitlines()[0], equal_to(line))


def test_the_table_counts_by_code_what_was_found_and_what_becomes_of_it(filled: Job) -> None:
    output = filled.replay("--dry_run", "--account=late-to", "--account=early-to").output

    assert_that(
        _table(output),
        equal_to({DATA_ERROR: [6, 2, 2, 2], INVALID_EVENT: [6, 6, 0, 0], "all": [12, 8, 2, 2]}),
    )
    assert_that(output, contains_string("12 other records are no failed events of this job"))


def test_an_original_that_its_failed_event_has_not_whole_is_fetched_from_where_it_was_read(
    make_job: MakeJob,
) -> None:
    job = make_job(partitions=1)
    whole = message("a", "b", more="x" * 5_000)
    job.publish([message(), whole])
    _fail(job, _cut(job, whole, offset=1), _failed(message("c", "d")))

    by_account = job.replay("--account=a")
    assert_that(by_account.exit_code, equal_to(0), by_account.errors)
    assert_that([record.value for record in _replayed(job)], equal_to([json.dumps(whole).encode()]))

    assert_that(job.replay("--account=c").exit_code, equal_to(0))
    assert_that(_replayed(job), has_length(2))


def test_originals_that_are_gone_are_told_and_counted_and_the_others_are_published(make_job: MakeJob) -> None:
    job = make_job(partitions=1)
    whole = message("a", "b", more="x" * 5_000)
    longer, another = message("a", "b", more="x" * 5_001), message("z", "b", more="x" * 5_000)
    job.publish([longer, another])
    _fail(job, *(_cut(job, whole, offset) for offset in (0, 1, 2)), _failed(message("c", "d")))

    replayed = job.replay()

    assert_that(replayed.exit_code, equal_to(1))
    assert_that([record.value for record in _replayed(job)], equal_to([write_json(message("c", "d"))]))
    told = [f"{job.input_topic}-0-{offset} (the topic" for offset in (0, 1, 2)]
    assert_that(
        replayed.errors, all_of(contains_string("3 events cannot be published"), *map(contains_string, told))
    )
    assert_that(_table(replayed.output)[DATA_ERROR], equal_to([4, 0, 0, 3, 1]))
    dry = job.replay("--dry_run", "--error_code=" + INVALID_EVENT)
    assert_that((dry.exit_code, _table(dry.output)[DATA_ERROR]), equal_to((0, [4, 4, 0, 0])))


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_topics_are_read_whatever_they_are_compressed_with(codec: str, make_job: MakeJob) -> None:
    job = make_job(partitions=1)
    whole = message("a", "b", more="x" * 200_000)
    for topic in (job.input_topic, job.failed_topic):
        job.configure(topic, "compression.type", codec)
    job.publish([whole])
    _fail(job, *(_failed(message("from", f"to-{i}", more="é" * 2_000)) for i in range(20)), _cut(job, whole, 0))

    replayed = job.replay()

    assert_that(replayed.exit_code, equal_to(0), replayed.errors)
    assert_that(_replayed(job), has_length(21))


def test_what_an_aborted_transaction_wrote_is_not_replayed(make_job: MakeJob) -> None:
    job = make_job()
    producer = KafkaProducer(bootstrap_servers=job.services.kafka_address, transactional_id=job.env)
    try:
        producer.init_transactions()
        for end, mid in ((producer.commit_transaction, "committed"), (producer.abort_transaction, "aborted")):
            producer.begin_transaction()
            producer.send(job.failed_topic, _failed({**message(), "mid": mid}))
            producer.flush()
            end()
    finally:
        producer.close()

    assert_that(job.replay().exit_code, equal_to(0))

    assert_that([event["mid"] for event in job.inputs()], equal_to(["committed"]))


def test_an_event_that_the_broker_refuses_is_told_and_the_others_are_published(make_job: MakeJob) -> None:
    job = make_job()
    job.limit(job.input_topic, 1_000)
    _fail(job, _failed(message("f", "t", more="x" * 2_000)), _failed(message("small", "t")))

    replayed = job.replay()

    assert_that(replayed.exit_code, equal_to(1))
    assert_that(
        replayed.errors,
        all_of(
            contains_string("1 of 2 events were not published: [Error 10] MessageSizeTooLargeError"),
            contains_string("Run it again; what is published twice is merged once."),
        ),
    )
    assert_that(_table(replayed.output)[DATA_ERROR], equal_to([2, 0, 0, 1, 1]))
    assert_that([event["edata"]["fromAccountId"] for event in job.inputs()], equal_to(["small"]))


def test_a_ledger_that_is_off_is_warned_of(filled: Job) -> None:
    warning = "merge.ledger is off: views of an event that was merged in part are counted again by its replay."
    assert_that(filled.replay("--dry_run", "--merge_ledger=off").errors, contains_string(warning))
    assert_that(filled.replay("--dry_run").errors, not_(contains_string("merge.ledger")))


def _command(job: Job, *options: str) -> list[str]:
    kafka = f"--kafka_broker_servers={job.services.kafka_address}"
    return [sys.executable, "-m", "pipeline.replay", f"--env={job.env}", kafka, *options]


def _run_command(job: Job, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(job, *options),
        cwd=PROJECT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_publishes_and_tells_it(make_job: MakeJob, tmp_path: Any) -> None:
    job = make_job()
    _fail(job, _failed(message()))
    other = tmp_path / "job.conf"
    other.write_text('kafka.input.topic = "no.such.topic"\nlms-cassandra.username = "nobody\'s concern here"\n')

    done = _run_command(job, f"--config_file={other}", KAFKA_INPUT_TOPIC=job.input_topic)

    assert_that((done.returncode, done.stdout), equal_to((0, done.stdout)), done.stderr)
    assert_that(done.stdout, contains_string(f"1 event published to {job.input_topic}, for the job to merge."))
    assert_that(job.inputs(), equal_to([message()]))
    # Accounts are shown only where they are asked for.
    assert_that(done.stdout + done.stderr, not_(contains_string("LP.1648720639981")))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--kafka_input_topic=no.such.topic"], "kafka.input.topic: there is no topic no.such.topic at "),
        (["--kafka_output_failed_topic=nope"], "kafka.output.failed.topic: there is no topic nope at "),
        (["--since=monday"], "--since is 'monday': give a duration before now like 90s"),
    ],
    ids=["no input topic", "no failed topic", "no time"],
)
def test_what_cannot_work_is_refused_with_exit_code_2(options: list[str], told: str, filled: Job) -> None:
    done = _run_command(filled, "--dry_run", *options)

    assert_that((done.returncode, done.stdout), equal_to((2, "")), done.stderr)
    assert_that(done.stderr, contains_string(told))
    assert_that(done.stderr, not_(contains_string("Traceback")))


def test_where_no_broker_answers_it_may_be_run_again_says_exit_code_1(make_job: MakeJob) -> None:
    done = _run_command(make_job(), "--dry_run", "--kafka_broker_servers=127.0.0.1:1")

    assert_that((done.returncode, done.stdout), equal_to((1, "")), done.stderr)
    told = "kafka.broker-servers: 127.0.0.1:1 cannot be used (kafka.security.protocol is PLAINTEXT): "
    assert_that(done.stderr, contains_string(told))
    assert_that(done.stderr, not_(contains_string("Traceback")))


def test_an_interrupted_replay_says_so_and_how_far_it_came(make_job: MakeJob) -> None:
    job = make_job()
    _fail(job, *(_failed(message(f"f{i}", "t")) for i in range(5_000)))
    # It waits for somebody to read its output, which is longer than a pipe holds.
    process = subprocess.Popen(
        _command(job, "--dry_run"),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore SIGINT, and what they start inherits that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        assert_that(process.stdout.readline(), contains_string("f0 → t"))
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    finally:
        process.kill()

    assert_that(process.returncode, equal_to(130), errors)
    assert_that(errors, contains_string("Interrupted. Run it again"))
    assert_that(_table(output)[DATA_ERROR][0], not_(equal_to(5_000)))
