"""What is refused before a job is submitted; the submission itself is tested on a cluster, in tests/flink."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import Mock

import pytest
from apache_beam.options.pipeline_options import FlinkRunnerOptions, PortableOptions, StandardOptions
from cassandra import AuthenticationFailed, InvalidRequest, OperationTimedOut, Unavailable
from cassandra.cluster import NoHostAvailable
from hamcrest import assert_that, calling, contains_string, equal_to, has_properties, raises
from rich.console import Console

from local.settings import PROJECT
from pipeline.configuration.errors import ConfigError, ServiceError
from pipeline.configuration.settings import resolve
from pipeline.flink.cluster import FlinkError
from pipeline.flink.job import flink_options
from pipeline.kafka import clients
from pipeline.kafka.topics import check_topics
from pipeline.run import check_tables
from pipeline.submit import submit
from transforms.store.errors import store_error
from transforms.store.session import Store


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


@pytest.fixture
def flink() -> Iterator[str]:
    """The address of a cluster on which the job of env `busy` runs, and nothing else."""

    class Rest(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            jobs = [{"jid": "a1", "name": "busy-merge-user-courses", "state": "RUNNING", "start-time": 1}]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"jobs": jobs}).encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Rest) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("options", "exit_code", "says"),
    [
        (["--flink_master=[local]"], 2, "give HOST:PORT of the cluster's REST API"),
        (["--flink_master=127.0.0.1:1"], 1, "does not answer"),
        (
            ["--flink_master={flink}", "--lms_cassandra_port=1"],
            1,
            "lms-cassandra.host: localhost:1 cannot be used",
        ),
        (
            ["--flink_master={flink}", "--env=busy"],
            0,
            "runs on http://{flink} already, as a1: nothing is submitted.",
        ),
    ],
    ids=["no cluster", "no answer of Flink", "no answer of Cassandra", "runs already"],
)
def test_the_exit_code_says_whether_it_may_pass_to_try_again(
    options: list[str], exit_code: int, says: str, flink: str
) -> None:
    command = [sys.executable, "-m", "pipeline", "submit", *(option.format(flink=flink) for option in options)]

    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert_that(ran.returncode, equal_to(exit_code), ran.stderr)
    assert_that(ran.stderr, contains_string(says.format(flink=flink)))


NODE = "10.0.0.1:9042"


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (NoHostAvailable("", {NODE: ConnectionRefusedError(111, "Connection refused")}), True),
        (NoHostAvailable("", {NODE: OperationTimedOut()}), True),
        (Unavailable("Cannot achieve consistency level LOCAL_QUORUM"), True),
        (
            NoHostAvailable(
                "",
                {
                    NODE: AuthenticationFailed(
                        "Unable to perform authentication: Cannot achieve consistency level QUORUM"
                    )
                },
            ),
            True,
        ),
        (
            NoHostAvailable(
                "", {NODE: AuthenticationFailed("Failed to authenticate: username and/or password are incorrect")}
            ),
            False,
        ),
        (
            NoHostAvailable("", {NODE: OSError("[SSL: CERTIFICATE_VERIFY_FAILED]"), "b": OperationTimedOut()}),
            False,
        ),
        (InvalidRequest("Keyspace 'none' does not exist"), False),
    ],
    ids=str,
)
def test_a_cassandra_that_is_away_is_told_from_one_that_refuses(
    error: Exception, may_pass: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "check", Mock(side_effect=store_error(error)))

    with pytest.raises(ConfigError, match=r"^lms-cassandra\.host: localhost:9042 cannot be used") as raised:
        check_tables(resolve([], {}))

    assert_that(isinstance(raised.value, ServiceError), equal_to(may_pass))


def test_a_kafka_that_is_away_may_be_back_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_BOOTSTRAP_TIMEOUT_MS", 2_000)
    settings = resolve(["--kafka_broker_servers=127.0.0.1:1"], {})

    assert_that(calling(check_topics).with_args(settings.kafka), raises(ServiceError, "ECONNREFUSED"))


@pytest.mark.parametrize(("pace", "size"), [("7.5", "8"), ("5000", "1000")])
def test_with_a_pace_a_bundle_has_the_events_of_a_second_unless_options_say_otherwise(
    pace: str, size: str
) -> None:
    def found(*options: str) -> str | None:
        options_ = flink_options(resolve(["--runner=FlinkRunner", *options], {}))
        return options_.get_all_options(retain_unknown_options=True).get("max_bundle_size")

    assert_that(found(), equal_to(None))
    assert_that(found(f"--merge_events_per_second={pace}"), equal_to(size))
    assert_that(found(f"--merge_events_per_second={pace}", "--max_bundle_size=3"), equal_to("3"))


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
