"""The client of Flink's REST API, against a server of a few canned answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hamcrest import assert_that, calling, equal_to, raises

from pipeline.flink.cluster import FlinkCluster, FlinkError

Answers = dict[str, tuple[int, Any]]
"""What is answered to METHOD PATH."""


@pytest.fixture
def answers() -> Answers:
    return {}


@pytest.fixture
def cluster(answers: Answers) -> Iterator[FlinkCluster]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            status, body = answers[f"{self.command} {self.path}"]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the names are those of http.server

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield FlinkCluster(f"127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def _job(job_id: str, state: str, started: int) -> dict[str, Any]:
    return {"jid": job_id, "name": "merge", "state": state, "start-time": started}


def test_a_job_that_has_ended_does_not_run(cluster: FlinkCluster, answers: Answers) -> None:
    jobs = [_job("1", "FINISHED", 1), _job("2", "RESTARTING", 2), _job("3", "RUNNING", 3), _job("4", "FAILED", 4)]
    answers["GET /jobs/overview"] = 200, {"jobs": jobs}

    assert_that([job.id for job in cluster.running_jobs()], equal_to(["3", "2"]))


def test_a_stopped_job_leaves_its_savepoint(cluster: FlinkCluster, answers: Answers) -> None:
    answers["POST /jobs/7/stop"] = 202, {"request-id": "t"}
    answers["GET /jobs/7/savepoints/t"] = (
        200,
        {"status": {"id": "COMPLETED"}, "operation": {"location": "file:/savepoints/one"}},
    )

    assert_that(cluster.stop_with_savepoint("7"), equal_to("file:/savepoints/one"))


def test_a_savepoint_that_fails_says_why(cluster: FlinkCluster, answers: Answers) -> None:
    answers["POST /jobs/7/stop"] = 202, {"request-id": "t"}
    failure = {"failure-cause": {"stack-trace": "CheckpointException: no task runs\n\tat Flink"}}
    answers["GET /jobs/7/savepoints/t"] = 200, {"status": {"id": "COMPLETED"}, "operation": failure}

    assert_that(
        calling(cluster.stop_with_savepoint).with_args("7"),
        raises(FlinkError, r"^The savepoint failed, and the job goes on: CheckpointException: no task runs$"),
    )


def test_a_refusal_is_one_sentence_with_its_reason(cluster: FlinkCluster, answers: Answers) -> None:
    answers["PATCH /jobs/7?mode=cancel"] = 404, {"errors": ["NotFound", "Job 7 is not known\n\tat Flink"]}

    assert_that(
        calling(cluster.cancel).with_args("7"),
        raises(FlinkError, r"^The Flink cluster at http://127.0.0.1:\d+ refuses .*: Job 7 is not known$"),
    )


def test_a_cluster_that_is_down_does_not_answer() -> None:
    assert_that(
        calling(FlinkCluster("127.0.0.1:1").jobs).with_args(),
        raises(FlinkError, "^The Flink cluster at http://127.0.0.1:1 does not answer: "),
    )
