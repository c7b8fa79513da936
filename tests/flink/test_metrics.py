"""What Prometheus scrapes from a real cluster: what was streamed, and all that the alerts look at."""

from __future__ import annotations

import re
import urllib.request
from contextlib import suppress

import promql_parser
import pytest
from hamcrest import assert_that, equal_to, greater_than, has_length
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from promql_parser import Matcher, MatchOp, MatrixSelector, VectorSelector

from local.settings import HOST, PROJECT
from tests.deploy.manifests import alert_rules, manifest
from tests.flink.cluster import LocalCluster, wait_until
from tests.memory_tables import ACTIVITY_AGG, ENROLMENTS
from tests.transforms.events import message
from tests.whole.conftest import MakeJob
from tests.whole.job import Job
from transforms import metrics

pytestmark = pytest.mark.usefixtures("ends_jobs")

OF_THE_KAFKA_EXPORTER = {"kafka_consumergroup_lag"}
"""Not Flink's, so that no scrape of ours has it."""


def _scrape(cluster: LocalCluster) -> list[Sample]:
    samples = []
    for port in cluster.settings.metrics_ports.values():
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=30) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            samples += [sample for family in families for sample in family.samples]
    return samples


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


def _selectors(expression: str) -> list[VectorSelector]:
    """What a PromQL expression looks at."""
    found: list[VectorSelector] = []

    def note(node: object) -> None:
        match node:
            case MatrixSelector():
                found.append(node.vector_selector)
            case VectorSelector():
                found.append(node)

    promql_parser.walk(promql_parser.parse(expression), note)
    return found


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
        wait_until(lambda: _counts(_scrape(cluster), job) == expected, timeout_s=30)
    samples = _scrape(cluster)
    assert_that(_counts(samples, job), equal_to(expected))

    for name, rule in alert_rules().items():
        for selector in _selectors(rule["expr"]):
            if selector.name not in OF_THE_KAFKA_EXPORTER:
                assert any(_selects(selector, sample) for sample in samples), f"{name}: {selector}"
    scraped = {sample.name for sample in samples}
    documented = set(re.findall(r"^\|.*?(flink_\w+)", (PROJECT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    assert_that(documented, has_length(greater_than(10)))
    assert_that(documented - scraped, equal_to(set()))
    _check_dropped(scraped, documented)


def _check_dropped(scraped: set[str], documented: set[str]) -> None:
    """Beam's own metrics are dropped, and none that anybody looks at."""
    (endpoint,) = manifest("PodMonitor")["spec"]["podMetricsEndpoints"]
    (relabeling,) = endpoint["metricRelabelings"]
    dropped = {name for name in scraped if re.fullmatch(relabeling["regex"], name)}
    selected = {selector.name for rule in alert_rules().values() for selector in _selectors(rule["expr"])}

    assert_that(len(dropped), greater_than(len(scraped) // 4))
    assert_that(dropped & (documented | selected), equal_to(set()))
