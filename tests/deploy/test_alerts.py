"""The alert rules can be read by Prometheus and by whoever is called; tests/flink has what they look at."""

from __future__ import annotations

import re

import promql_parser
import pytest
from hamcrest import assert_that, calling, equal_to, has_key, is_in, raises

from local.settings import PROJECT
from tests.deploy.manifests import Manifest, alert_rules

RULES = [pytest.param(rule, id=name) for name, rule in alert_rules().items()]


@pytest.mark.parametrize("rule", RULES)
def test_an_expression_is_valid_promql(rule: Manifest) -> None:
    promql_parser.parse(rule["expr"])
    assert_that(
        calling(promql_parser.parse).with_args(rule["expr"].rstrip() + ")"), raises(ValueError, "unexpected")
    )


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
    named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    aggregated = re.match(r"sum by \(([^)]*)\)", rule["expr"])

    assert named <= set(re.split(r",\s*", aggregated[1]) if aggregated else ())
