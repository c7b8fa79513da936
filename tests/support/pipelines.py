"""Running pipelines in tests: TestPipeline on the FnApiRunner, matchers for PCollections, counters."""

from collections.abc import Callable
from typing import Any

from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineResult
from apache_beam.testing.test_pipeline import TestPipeline
from hamcrest import assert_that, contains_inanyorder
from hamcrest.core.matcher import Matcher

from transforms.metrics import NAMESPACE


def run_pipeline(build: Callable[[TestPipeline], Any]) -> PipelineResult:
    """Build and run a pipeline; assert_that's failures come out of it."""
    # Named, since "DirectRunner" would first try a runner that it has to download.
    pipeline = TestPipeline(runner=FnApiRunner(), options=PipelineOptions([]))
    build(pipeline)
    result = pipeline.run()
    result.wait_until_finish()
    return result


def matches(*matchers: Matcher[Any] | Any) -> Callable[[list[Any]], None]:
    """For Beam's assert_that: the elements are these, in any order."""

    def check(actual: list[Any]) -> None:
        assert_that(actual, contains_inanyorder(*matchers))

    return check


def counters(result: PipelineResult) -> dict[str, int]:
    """The job's counters of a finished run."""
    metrics = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    return {m.key.metric.name: m.result for m in metrics if m.result}
