"""What Prometheus scrapes from a real cluster: what was streamed, and all that the alerts look at."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hamcrest import assert_that, equal_to, greater_than, has_length, less_than
from prometheus_client.samples import Sample
from promql_parser import Matcher, MatchOp, VectorSelector

from faults.cluster import LocalCluster, wait_until
from faults.events import message
from faults.job import Job
from faults.memory_tables import ACTIVITY_AGG, ENROLMENTS
from local.settings import PROJECT
from tests.deploy.monitoring import names_looked_at, relabelings, rules, selectors
from tests.support.scrapes import relabelled, scrape_flink
from tests.whole.conftest import MakeJob
from transforms import metrics

pytestmark = pytest.mark.usefixtures("ends_jobs")

OF_THE_KAFKA_EXPORTER = "kafka_"
"""Not Flink's, so that no scrape of a cluster has it."""


def _prometheus_name(counter: str) -> str:
    return f"flink_taskmanager_job_task_operator_{metrics.NAMESPACE}_{counter}".replace("-", "_")


def _counts(samples: list[Sample], job: Job) -> dict[str, float]:
    """Each count of the job, summed over everything that counts it."""
    of_job = [s for s in samples if s.labels.get("job_name") == f"{job.env}_merge_user_courses"]
    return {
        counter: sum(sample.value for sample in of_job if sample.name == _prometheus_name(counter))
        for counter in (
            metrics.TOTAL_EVENTS,
            metrics.SUCCESS_EVENTS,
            metrics.FAILED_EVENTS,
            metrics.SKIPPED_EVENTS,
            metrics.SYNC_REQUESTS,
            metrics.FOLLOW_UPS,
            f"{ENROLMENTS}-rows-written",
        )
    }


def _selects(selector: VectorSelector, sample: Sample) -> bool:
    def has(matcher: Matcher) -> bool:
        value = sample.labels.get(matcher.name, "")
        if matcher.op == MatchOp.Re:
            return re.fullmatch(matcher.value, value) is not None
        assert matcher.op == MatchOp.Equal, matcher.op
        return bool(value == matcher.value)

    return selector.name == sample.name and all(map(has, selector.matchers.matchers))


def test_prometheus_counts_what_was_streamed_and_has_all_that_the_alerts_look_at(
    cluster: LocalCluster, make_job: MakeJob
) -> None:
    job = make_job()
    job.insert(
        {ENROLMENTS: [{"userid": account, "courseid": f"c-{account}", "batchid": "b"} for account in "abcd"]}
    )
    cluster.submit(job, "--parallelism=2")
    job.publish([message("b", "c"), message("d", "e"), b"{", message("f", "f"), None])
    wait_until(lambda: len(job.sync_requests()) == 3)
    job.publish([message("a", "b")])  # and b to c once more, as a follow-up
    wait_until(lambda: len(job.sync_requests()) == 8)
    job.session.execute(f"DROP TABLE {ACTIVITY_AGG}")
    job.publish([message("d", "a")])
    wait_until(lambda: len(job.failed()) == 4)

    expected = {
        metrics.TOTAL_EVENTS: 8,
        metrics.SUCCESS_EVENTS: 4,
        metrics.FAILED_EVENTS: 1,
        metrics.SKIPPED_EVENTS: 3,
        metrics.SYNC_REQUESTS: 8,
        metrics.FOLLOW_UPS: 1,
        f"{ENROLMENTS}-rows-written": 5,
    }
    with suppress(AssertionError):  # the comparison below says what is wrong
        wait_until(lambda: _counts(scrape_flink(cluster), job) == expected, timeout_s=30)
    samples = scrape_flink(cluster)
    assert_that(_counts(samples, job), equal_to(expected))

    kept = relabelled(samples, relabelings())
    recorded = {rule.get("record") for rule in rules()}
    for rule in rules():
        for selector in selectors(rule["expr"]):
            if selector.name not in recorded and not selector.name.startswith(OF_THE_KAFKA_EXPORTER):
                assert any(_selects(selector, sample) for sample in kept), selector
    scraped = {sample.name for sample in kept}
    assert_that({name for name in names_looked_at() if name.startswith("flink_")} - scraped, equal_to(set()))
    documented = set(re.findall(r"^\|.*?(flink_\w+)", (PROJECT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    assert_that(documented, has_length(greater_than(10)))
    assert_that(documented - scraped, equal_to(set()))
    # Beam's own metrics are dropped, and none that anybody looks at.
    assert_that(len(kept), less_than(len(samples) * 3 // 4))
