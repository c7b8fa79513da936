"""What is refused before a job is submitted; the submission itself is tested on a cluster, in tests/flink."""

from __future__ import annotations

import subprocess
import sys

import pytest
from apache_beam.options.pipeline_options import FlinkRunnerOptions, PortableOptions, StandardOptions
from hamcrest import assert_that, calling, equal_to, has_properties, raises
from rich.console import Console

from local.settings import PROJECT
from pipeline.errors import ConfigError
from pipeline.flink_cluster import FlinkError
from pipeline.settings import resolve
from pipeline.submit import flink_options, submit


@pytest.mark.parametrize("master", [[], ["--flink_master=[local]"]])
def test_a_cluster_must_be_named(master: list[str]) -> None:
    settings = resolve(["--runner=FlinkRunner", *master], {})

    assert_that(
        calling(submit).with_args(settings, Console(quiet=True)),
        raises(ConfigError, r"^--flink_master is \[\w+\]: give HOST:PORT of the cluster's REST API\.$"),
    )


def test_a_cluster_must_answer() -> None:
    settings = resolve(["--runner=FlinkRunner", "--flink_master=127.0.0.1:1"], {})

    assert_that(calling(submit).with_args(settings, Console(quiet=True)), raises(FlinkError, "does not answer"))


@pytest.mark.parametrize(
    ("option", "exit_code"), [("--flink_master=127.0.0.1:1", 1), ("--flink_master=[local]", 2)]
)
def test_the_exit_code_says_whether_it_may_pass_to_try_again(option: str, exit_code: int) -> None:
    command = [sys.executable, "-m", "pipeline", "--runner=FlinkRunner", option]

    assert_that(subprocess.run(command, cwd=PROJECT, check=False).returncode, equal_to(exit_code))


def test_the_job_streams_from_a_worker_pool_unless_options_say_otherwise() -> None:
    options = flink_options(resolve(["--runner=FlinkRunner"], {}))
    assert_that(options.view_as(StandardOptions).streaming)
    assert_that(options.view_as(FlinkRunnerOptions), has_properties(flink_version="1.19"))
    assert_that(
        options.view_as(PortableOptions),
        has_properties(environment_type="EXTERNAL", environment_config="localhost:50000"),
    )

    options = flink_options(resolve(["--runner=FlinkRunner", "--environment_config=pool:1"], {}))
    assert_that(options.view_as(PortableOptions), has_properties(environment_config="pool:1"))
