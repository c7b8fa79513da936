"""A Flink cluster as its REST API shows it: the jobs, their savepoints and their progress."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

_TIMEOUT_S = 30
_POLL_S = 0.5


class FlinkError(Exception):
    """The cluster does not answer or refuses; its text is one sentence."""


@dataclass(frozen=True, slots=True)
class FlinkJob:
    """A job of the cluster.

    Attributes:
        id: Flink's id of it.
        name: what it was called at submission.
        state: RUNNING, RESTARTING, FINISHED and so on.
        started_ms: when it was submitted, in ms since the epoch.
    """

    id: str
    name: str
    state: str
    started_ms: int

    @property
    def is_ended(self) -> bool:
        """Whether it will never run again."""
        return self.state in {"FINISHED", "CANCELED", "FAILED"}


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of a job.

    Attributes:
        completed: how many were completed.
        failed: how many were not.
        latest_ms: when the latest completed one began, in ms since the epoch; 0 if there is none.
        largest_bytes: the size of the largest state that a checkpoint held, in bytes.
    """

    completed: int
    failed: int
    latest_ms: int
    largest_bytes: int


class FlinkCluster:
    """The REST API of a cluster."""

    def __init__(self, address: str) -> None:
        """Name the cluster; nothing is asked yet.

        Args:
            address: as in --flink_master, HOST:PORT with or without the scheme.
        """
        self.url = address if "://" in address else f"http://{address}"

    def task_managers(self) -> set[str]:
        """The ids of the TaskManagers that are registered."""
        return {task_manager["id"] for task_manager in self._get("/taskmanagers")["taskmanagers"]}

    def running_jobs(self) -> list[FlinkJob]:
        """The jobs that have not ended."""
        return [job for job in self.jobs() if not job.is_ended]

    def jobs(self) -> list[FlinkJob]:
        """All jobs that the cluster remembers, the latest first."""
        jobs = [
            FlinkJob(j["jid"], j["name"], j["state"], j["start-time"]) for j in self._get("/jobs/overview")["jobs"]
        ]
        return sorted(jobs, key=lambda job: job.started_ms, reverse=True)

    def job(self, job_id: str) -> FlinkJob:
        """The job as it is now."""
        job = self._get(f"/jobs/{job_id}")
        return FlinkJob(job["jid"], job["name"], job["state"], job["start-time"])

    def job_url(self, job_id: str) -> str:
        """The job's page in the dashboard."""
        return f"{self.url}/#/job/running/{job_id}/overview"

    def checkpoints(self, job_id: str) -> Checkpoints:
        """What the job has kept of its progress since its JobManager started."""
        answer = self._get(f"/jobs/{job_id}/checkpoints")
        counts, latest = answer["counts"], answer["latest"]["completed"]
        return Checkpoints(
            completed=counts["completed"],
            failed=counts["failed"],
            latest_ms=latest["trigger_timestamp"] if latest else 0,
            largest_bytes=answer["summary"]["state_size"]["max"],
        )

    def failure(self, job_id: str) -> str | None:
        """The first lines of what made the job fail last, if anything has."""
        exceptions = self._get(f"/jobs/{job_id}/exceptions").get("root-exception")
        return "\n".join(exceptions.splitlines()[:5]) if exceptions else None

    def cancel(self, job_id: str) -> None:
        """Cancel the job without a savepoint."""
        self._request("PATCH", f"/jobs/{job_id}?mode=cancel")

    def stop_with_savepoint(self, job_id: str) -> str:
        """Take a savepoint and stop the job.

        Returns:
            the savepoint's path.

        Raises:
            FlinkError: if it fails; the job then goes on.
        """
        trigger = self._request("POST", f"/jobs/{job_id}/stop", {"drain": False})["request-id"]
        while True:
            status = self._get(f"/jobs/{job_id}/savepoints/{trigger}")
            if status["status"]["id"] == "COMPLETED":
                break
            time.sleep(_POLL_S)
        operation = status["operation"]
        if "failure-cause" in operation:
            cause = operation["failure-cause"]["stack-trace"].partition("\n")[0]
            msg = f"The savepoint failed, and the job goes on: {cause}"
            raise FlinkError(msg)
        location: str = operation["location"]
        return location

    def _get(self, path: str) -> dict[str, Any]:
        return self._request("GET", path)

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the scheme is the operator's own
            self.url + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
                answer: dict[str, Any] = json.loads(response.read() or b"{}")
                return answer
        except urllib.error.HTTPError as e:
            msg = f"The Flink cluster at {self.url} refuses {method} {path}: {_reason(e.read())}"
            raise FlinkError(msg) from e
        except (OSError, ValueError) as e:
            msg = f"The Flink cluster at {self.url} does not answer: {e}"
            raise FlinkError(msg) from e


def _reason(body: bytes) -> str:
    """The first line of the last error in a refusal, which is the most specific."""
    try:
        errors = json.loads(body)["errors"]
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").partition("\n")[0]
    return str(errors[-1]).strip().partition("\n")[0] if errors else "without a reason"
