"""The alerts fire when they should and only then, on scrapes of a real job, by Prometheus's own engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hamcrest import assert_that, equal_to, has_key, is_in

from local.settings import PROJECT
from tests.deploy.manifests import Manifest
from tests.deploy.monitoring import Moment, Scrape, alert_rules, dashboard_expressions, evaluate, recorded, rules

RULES = [pytest.param(rule, id=name) for name, rule in alert_rules().items()]
HOUR = 60
DAY = 24 * HOUR
COMPLETED = "flink_jobmanager_job_numberOfCompletedCheckpoints"
FAILED = "flink_jobmanager_job_numberOfFailedCheckpoints"
RESTARTS = "flink_jobmanager_job_numRestarts"
END, BEGIN = "kafka_topic_partition_current_offset", "kafka_topic_partition_oldest_offset"


def shifted(scrape: Scrape, **by: float) -> Scrape:
    """The scrape with more in each series of some metrics."""
    return {series: value + by.get(series.partition("{")[0], 0) for series, value in scrape.items()}


def after(minutes: int, scrape: Scrape) -> Moment:
    """A job that has gone on for so long, with a checkpoint every 10 s, to the state of a scrape."""
    gone_on = {COMPLETED: minutes * 6, "flink_jobmanager_job_uptime": minutes * 60_000}
    return Moment(minutes, shifted(scrape, **gone_on))


def hold(scrape: Scrape, start: int, end: int) -> list[Moment]:
    """A job that goes on between two minutes, and otherwise stays as it is."""
    return [after(start, scrape), after(end, scrape)]


def of_environment(env: str, scrape: Scrape) -> Scrape:
    """The same of another environment's job."""
    return {re.sub(r'"dev([_.-])', rf'"{env}\1', series): value for series, value in scrape.items()}


@pytest.fixture
def line(promtool: Path, tmp_path: Path) -> Line:
    return Line(promtool, tmp_path)


class Line:
    """Has alerts evaluated on a time line."""

    every = "1m"
    """How often the rules are evaluated; seldom for a line of days."""

    def __init__(self, promtool: Path, folder: Path) -> None:
        self._promtool, self._folder = promtool, folder

    def fires(self, moments: list[Moment], expected: dict[int, set[str]]) -> None:
        """Assert which alerts fire at some minutes; none else may."""
        firing = 'ALERTS{{alertstate="firing",alertname{}"{}"}}'
        expressions = {
            minute: [
                *(f"count({firing.format('=', name)}) > bool 0" for name in names),
                f"(count({firing.format('!~', '|'.join(names))}) or vector(0)) == bool 0",
            ]
            for minute, names in expected.items()
        }
        self.has(moments, expressions)

    def has(self, moments: list[Moment], expressions: dict[int, list[str]]) -> None:
        """Assert that expressions are 1 at some minutes."""
        assert_that(evaluate(self._promtool, self._folder, moments, expressions, self.every), equal_to(""))


def test_nothing_fires_while_the_job_merges(line: Line) -> None:
    line.every = "5m"
    moments = [after(0, recorded("running")), after(DAY, recorded("running-on"))]

    line.fires(moments, {30: set(), 12 * HOUR: set(), DAY: set()})


def test_an_invalid_event_is_told_once_also_if_it_is_the_first_that_a_job_counts(line: Line) -> None:
    line.fires(hold(recorded("running"), 20, DAY), {25: {"MergeUserCoursesEventsInvalid"}, 40: set()})


def test_failed_events_are_told_and_told_again_until_they_are_replayed(line: Line) -> None:
    moments = hold(recorded("running-on"), 0, 60) + hold(recorded("failed"), 62, 300)
    moments += hold(recorded("replayed"), 302, DAY)

    failed, unreplayed = "MergeUserCoursesEventsFailed", "MergeUserCoursesEventsUnreplayed"
    line.fires(moments, {59: set(), 64: {failed}, 90: {unreplayed}, 299: {unreplayed}, 320: set(), 600: set()})


def test_a_job_that_is_submitted_again_does_not_forget_what_waits_to_be_replayed(line: Line) -> None:
    moments = hold(recorded("running-on"), 0, 60) + hold(recorded("failed"), 62, 90)
    moments += hold(recorded("submitted-again"), 92, DAY)

    line.fires(moments, {200: {"MergeUserCoursesEventsUnreplayed"}})


def test_an_outage_is_told_until_cassandra_answers(line: Line) -> None:
    moments = hold(recorded("replayed"), 0, 60) + hold(recorded("outage"), 61, 120)
    moments += hold(recorded("outage-over"), 121, DAY)

    outage, unreplayed = "MergeUserCoursesCassandraOutage", "MergeUserCoursesEventsUnreplayed"
    line.fires(moments, {59: set(), 110: {outage, unreplayed}, 150: set()})


def test_a_backlog_is_told_after_a_quarter_of_an_hour(line: Line) -> None:
    behind = shifted(recorded("running-on"), **{END: 2_000})

    line.fires(hold(behind, 20, DAY), {30: set(), 40: {"MergeUserCoursesConsumerLag"}})


def test_a_partition_of_which_nothing_was_ever_committed_is_told_and_its_events_count_as_backlog(
    line: Line,
) -> None:
    added = recorded("partition-added")
    unread, lag = "MergeUserCoursesPartitionUnread", "MergeUserCoursesConsumerLag"

    line.fires(hold(added, 0, DAY), {10: set(), 20: {unread}})
    (end,) = (series for series in added if series.startswith(END) and 'partition="2"' in series)
    line.fires(hold({**added, end: 5_000}, 0, DAY), {20: {unread, lag}})


def test_events_that_wait_for_half_of_the_retention_are_told_whether_the_job_runs_or_not(line: Line) -> None:
    line.every = "10m"
    age = "merge_user_courses:oldest_unmerged_event_age_seconds"
    waiting = shifted(recorded("running-on"), **{END: 5})
    moments = hold(recorded("running-on"), 0, HOUR) + hold(waiting, HOUR + 1, 2 * DAY)

    line.fires(moments, {20 * HOUR: set(), 26 * HOUR: {"MergeUserCoursesRetentionNear"}})
    line.has(moments, {30: [f"max({age}) == bool 0"], 3 * HOUR: [f"abs(max({age}) - 7200) <= bool 600"]})
    stopped = [*moments[:2], Moment(HOUR + 1, {s: v for s, v in waiting.items() if s.startswith("kafka_")})]
    away = {"MergeUserCoursesNotRunning", "MergeUserCoursesRetentionNear"}
    line.fires([*stopped, Moment(2 * DAY, stopped[-1].scrape)], {26 * HOUR: away})


def test_events_that_kafka_deleted_unread_are_told(line: Line) -> None:
    deleted = shifted(recorded("running-on"), **{END: 50, BEGIN: 50})
    moments = hold(recorded("running-on"), 0, HOUR) + hold(deleted, HOUR + 1, DAY)

    line.fires(moments, {59: set(), 70: {"MergeUserCoursesEventsLost"}})


def test_a_job_that_does_not_run_is_told_beside_one_of_another_environment_that_does(line: Line) -> None:
    other = of_environment("prod", recorded("running-on"))
    minutes = {"running-on": (0, 60), "stopped": (61, 120), "submitted-again": (121, DAY)}
    moments = [
        after(minute, {**other, **recorded(name)}) for name, between in minutes.items() for minute in between
    ]
    # The stopped one has left a partition unread that was added before.
    not_running, unread = "MergeUserCoursesNotRunning", "MergeUserCoursesPartitionUnread"
    line.fires(moments, {59: set(), 64: set(), 90: {not_running, unread}, 140: set()})
    line.has(
        moments, {90: [f'count(ALERTS{{alertname="{not_running}",job_name="dev_merge_user_courses"}}) == bool 1']}
    )


def test_restarts_and_checkpoints_that_fail_are_told(line: Line) -> None:
    running = recorded("running-on")
    restarted = [*hold(running, 0, 60), after(70, shifted(running, **{RESTARTS: 5})), after(DAY, running)]
    line.fires(restarted, {59: set(), 71: {"MergeUserCoursesRestarting"}})

    failing = shifted(running, **{FAILED: 60})
    stuck = [*hold(running, 0, 60), Moment(90, shifted(failing, **{COMPLETED: 60 * 6}))]
    line.fires(stuck, {59: set(), 85: {"MergeUserCoursesCheckpointsFailing", "MergeUserCoursesNoProgress"}})


def test_every_expression_of_the_dashboard_shows_something(line: Line) -> None:
    catching_up = shifted(recorded("running"), **{END: 500})
    moments = [
        after(0, catching_up),
        after(60, shifted(recorded("running-on"), **{END: 100})),
        after(DAY, catching_up),
    ]

    shown = [f"count({expression}) > bool 0" for _, expression in dashboard_expressions()]
    line.has(moments, {45: shown})


@pytest.mark.parametrize("rule", RULES)
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: Manifest) -> None:
    assert_that(rule["labels"]["severity"], is_in({"warning", "critical"}))
    assert_that(rule["annotations"], has_key("summary"))
    assert_that(rule["annotations"], has_key("description"))


@pytest.mark.parametrize("rule", RULES)
def test_an_alert_links_to_its_section_of_the_operations(rule: Manifest) -> None:
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    sections = re.findall(r"^#+ (.+)$", (PROJECT / file).read_text(), flags=re.MULTILINE)

    assert_that(anchor, equal_to(rule["alert"].lower()))
    assert_that(rule["alert"], is_in(sections))


@pytest.mark.parametrize("rule", RULES)
def test_a_summary_names_only_labels_that_the_expression_leaves(rule: Manifest) -> None:
    expression = rule["expr"]
    for recording in rules():
        if "record" in recording:
            expression = expression.replace(recording["record"], recording["expr"])
    aggregated = re.search(r"by \(([^)]*)\)", expression)

    named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert named <= set(re.split(r",\s*", aggregated[1]) if aggregated else ())
