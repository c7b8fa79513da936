"""Commands as an operator runs them, on a keyspace of a test."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from faults.job import Job
from faults.keyspaces import Keyspace
from local.settings import HOST
from pipeline.__main__ import main


class Told(NamedTuple):
    """What a command told."""

    exit_code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


class Operator:
    """Somebody who runs commands on a keyspace."""

    def __init__(self, keyspace: Keyspace, capsys: pytest.CaptureFixture[str], kafka: Sequence[str] = ()) -> None:
        """Take the keyspace, and what commands need to know of Kafka, which not all of them take."""
        self._kafka = [*kafka]
        self._job = [
            f"--lms_cassandra_host={HOST}",
            f"--lms_cassandra_port={keyspace.port}",
            f"--lms_cassandra_keyspace={keyspace.session.keyspace}",
        ]
        self._capsys = capsys

    def run(self, command: str, *options: str) -> Told:
        self._capsys.readouterr()
        kafka = self._kafka if command == "verify" else []
        exit_code = main([command, *self._job, *kafka, *options])
        output, errors = self._capsys.readouterr()
        # Where words are wrapped, a space is left at the end of the line.
        return Told(exit_code, re.sub(r" +$", "", output, flags=re.MULTILINE), errors)


def run_when_published(job: Job, lag: int) -> None:
    """Merge the backlog as soon as it is more than that; on a thread of its own."""
    while job.lag() <= lag:
        time.sleep(0.2)
    job.run()
