"""The rules and the dashboard, and recorded scrapes laid on a time line for Prometheus's own engine."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import promql_parser
import yaml
from promql_parser import MatrixSelector, VectorSelector

from local.settings import PROJECT
from tests.deploy.manifests import Manifest, manifest
from tests.support.scrapes import parse, relabelled, series

Scrape = dict[str, float]
"""What Prometheus has of a moment: values by series."""

SCRAPES = Path(__file__).with_name("scrapes")
"""What record_scrapes has recorded, a file for each state of a job."""

DASHBOARD = PROJECT / "deploy" / "dashboard.json"


def rules() -> list[Manifest]:
    """All rules, those that record and those that alert."""
    return [rule for group in manifest("PrometheusRule")["spec"]["groups"] for rule in group["rules"]]


def alert_rules() -> dict[str, Manifest]:
    """The alerts, by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def relabelings() -> list[Manifest]:
    """What the PodMonitor does to each series."""
    (endpoint,) = manifest("PodMonitor")["spec"]["podMetricsEndpoints"]
    found: list[Manifest] = endpoint["metricRelabelings"]
    return found


def dashboard_expressions() -> list[tuple[str, str]]:
    """Each expression of the dashboard with its panel's title, with all jobs chosen, over 5 minutes."""
    variables = {"$__rate_interval": "5m", "$job_name": ".+", "$consumergroup": ".+"}
    found = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in variables.items():
                expression = expression.replace(name, value)
            found.append((panel["title"], expression))
    return found


def selectors(expression: str) -> list[VectorSelector]:
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


def names_looked_at() -> set[str]:
    """The metrics that the rules and the dashboard need, other than those that rules record."""
    expressions = [rule["expr"] for rule in rules()] + [expression for _, expression in dashboard_expressions()]
    recorded = {rule.get("record") for rule in rules()}
    return {selector.name for expression in expressions for selector in selectors(expression)} - recorded


def recorded(name: str) -> Scrape:
    """A recorded scrape as Prometheus keeps it, by series."""
    samples = relabelled(parse((SCRAPES / f"{name}.prom").read_text()), relabelings())
    # Flink does not know how busy a source is.
    return {series(sample): sample.value for sample in samples if not math.isnan(sample.value)}


@dataclass(frozen=True)
class Moment:
    """A minute of a time line at which Prometheus saw a scrape; from one to the next, values move evenly."""

    minute: int
    scrape: Scrape


def evaluate(
    promtool: Path, folder: Path, moments: Sequence[Moment], expected: Mapping[int, Sequence[str]], every: str
) -> str:
    """Have Prometheus's engine go through a time line with the rules.

    Args:
        promtool: the program.
        folder: takes the files that it reads.
        moments: in order of time; the last scrape goes on for a day.
        expected: of a minute, expressions that must have the value 1 then, without labels.
        every: how often the rules are evaluated.

    Returns:
        what is not as expected; empty if all is.
    """
    groups = manifest("PrometheusRule")["spec"]["groups"]
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in _input_series(moments)],
        "promql_expr_test": [
            {"expr": expression, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": 1}]}
            for minute, expressions in expected.items()
            for expression in expressions
        ],
    }
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": every,
        # What records comes first; else a rule would see what was recorded an interval before.
        "group_eval_order": [group["name"] for group in groups],
        "tests": [test],
    }
    (folder / "tests.yaml").write_text(yaml.safe_dump(tests))
    ran = subprocess.run(
        [promtool, "test", "rules", folder / "tests.yaml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


def _input_series(moments: Sequence[Moment]) -> Iterator[tuple[str, str]]:
    ends = [*(later.minute for later in moments[1:]), moments[-1].minute + 24 * 60]
    laters = [*(later.scrape for later in moments[1:]), moments[-1].scrape]
    for name in dict.fromkeys(name for moment in moments for name in moment.scrape):
        values = [f"_x{moments[0].minute}"] if moments[0].minute else []
        was_there = False
        for moment, end, later in zip(moments, ends, laters, strict=True):
            minutes = end - moment.minute
            if name in moment.scrape:
                value = moment.scrape[name]
                step = (later.get(name, value) - value) / minutes
                values.append(f"{value:f}{step:+f}x{minutes - 1}")
            elif was_there:
                values.append("stale" if minutes == 1 else f"stale _x{minutes - 1}")
            else:
                values.append(f"_x{minutes}")
            was_there = name in moment.scrape
        yield name, " ".join(values)
