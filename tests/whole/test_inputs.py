"""1,000 events, 200 of them malformed in ten ways, and ids of every kind: nothing is lost, nothing stops."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

import pytest
from hamcrest import assert_that, equal_to, has_entries, has_key, has_length, not_

from faults.events import message
from faults.job import Job
from faults.memory_tables import CONTENT_CONSUMPTION, ENROLMENTS
from pipeline.report import RunMetrics
from tests.whole.conftest import MakeJob

MALFORMED: dict[str, Any] = {
    "cut off": json.dumps(message())[:-5].encode(),
    "not UTF-8": b'{"edata": "\xff\xfe"}',
    "not an object": b'["BE_JOB_REQUEST"]',
    "no edata": {"eid": "BE_JOB_REQUEST", "mid": "LP.1"},
    "id a number": message(7, "t"),
    "id blank": message("f", "  "),
    "same account": message("f", "f"),
    "another action": message(action="delete-user"),
    "path no list": message(path="a"),
    "tombstone": None,
}

STRANGE_IDS = {
    "quotes": "O'Brien \"the\" `first` ''",
    "unicode": "ಆಶಾ-आशा-😀-é",
    "newlines": "a\nb\r\nc\td",
    "CQL": "x'; DROP TABLE user_enrolments; --",
    "CQL marks": "?, %s, :name, {}, $$",
    "NUL": "a\u0000b",
    "long": "i" * 1_000,
    "spaces around": "  padded  ",
    "case": "ABC",
}


def _valid(i: int) -> dict[str, Any]:
    return message(f"from-{i}", f"to-{i}")


@pytest.fixture(scope="module")
def ran(make_job: MakeJob) -> tuple[Job, RunMetrics]:
    job = make_job(partitions=3)
    for account in STRANGE_IDS.values():
        row = {"userid": account, "courseid": "c", "batchid": account}
        job.insert(
            {
                ENROLMENTS: [{**row, "status": 1}],
                CONTENT_CONSUMPTION: [{**row, "contentid": account, "viewcount": 3}],
            }
        )
    valid: list[Any] = [_valid(i) for i in range(800 - len(STRANGE_IDS))]
    valid += [message(account, f"{account}→to") for account in STRANGE_IDS.values()]
    malformed = [value for value in MALFORMED.values() for _ in range(20)]
    mixed = [m for i in range(200) for m in (*valid[4 * i : 4 * i + 4], malformed[i])]
    assert len(mixed) == 1_000
    job.publish(mixed)
    return job, job.run()


def test_merged_and_failed_are_all_that_came_in(ran: tuple[Job, RunMetrics]) -> None:
    job, metrics = ran
    merged, failed = metrics.counters["success-events-count"], len(job.failed())
    print(f"{metrics.total} events = {merged} merged + {failed} failed")

    assert_that(
        metrics.counters,
        has_entries({"total-events-count": 1_000, "success-events-count": 800, "skipped-event-count": 200}),
    )
    assert_that(failed, equal_to(200))
    assert_that(job.lag(), equal_to(0))


def test_each_malformed_input_is_one_failed_event_with_its_source(ran: tuple[Job, RunMetrics]) -> None:
    job, _ = ran
    failed = job.failed()

    sources = Counter((event["source"]["partition"], event["source"]["offset"]) for event in failed)
    assert_that(set(sources.values()), equal_to({1}))
    codes = {event["failInfo"]["errorCode"] for event in failed}
    assert_that(codes, equal_to({"ERR_MERGE_USER_COURSES_INVALID_EVENT"}))
    assert_that({event["jobName"] for event in failed}, equal_to({"MergeUserCourses"}))
    errors = Counter(event["failInfo"]["error"] for event in failed)
    assert_that(sorted(errors.values()), equal_to([20] * len(MALFORMED)))


def test_what_failed_can_be_read_back_from_the_failed_event(ran: tuple[Job, RunMetrics]) -> None:
    job, _ = ran
    added = {"jobName", "failInfo", "source"}
    inputs = Counter()
    for event in job.failed():
        if "rawMessage" not in event:
            inputs[json.dumps({k: v for k, v in event.items() if k not in added}).encode()] += 1
        elif event.get("rawEncoding") == "base64":
            inputs[base64.b64decode(event["rawMessage"])] += 1
        else:
            inputs[None if event["rawMessage"] is None else event["rawMessage"].encode()] += 1

    published = {
        value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        for value in MALFORMED.values()
    }
    assert_that(inputs, equal_to(dict.fromkeys(published, 20)))


@pytest.mark.parametrize("account", STRANGE_IDS.values(), ids=STRANGE_IDS)
def test_an_id_is_data_whatever_is_in_it(account: str, ran: tuple[Job, RunMetrics]) -> None:
    job, _ = ran
    to_account = f"{account}→to"

    rows = list(job.session.execute(f"SELECT * FROM {CONTENT_CONSUMPTION} WHERE userid = %s", (to_account,)))

    assert_that(rows, has_length(1))
    assert_that(rows[0], has_entries(batchid=account, contentid=account, viewcount=3))
    requests = [r for r in job.sync_requests() if r["edata"]["userId"] == to_account]
    assert_that([r["edata"]["batchId"] for r in requests], equal_to([account]))


def test_a_second_run_has_nothing_to_do(ran: tuple[Job, RunMetrics]) -> None:
    job, _ = ran

    assert_that(job.run().counters, not_(has_key("total-events-count")))


def test_a_cassandra_that_refuses_an_id_fails_that_event_alone(make_job: MakeJob) -> None:
    job = make_job()
    # Cassandra's partition keys hold at most 65,535 bytes.
    job.publish([message("from", "t" * 70_000), message("from", "to")])

    metrics = job.run()

    assert_that(metrics.counters, has_entries({"success-events-count": 1, "failed-events-count": 1}))
    (failed,) = job.failed()
    assert_that(failed["failInfo"]["errorCode"], equal_to("DATA_ERROR"))
    assert_that(failed["edata"]["toAccountId"], has_length(70_000))
