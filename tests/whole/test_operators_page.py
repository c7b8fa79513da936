"""Every command of docs/operators.md about merges that were, on the demo's data: it prints what the page says."""

from __future__ import annotations

import re
import shlex
import threading

import pytest
from hamcrest import assert_that, equal_to, greater_than

from faults.job import Job
from faults.keyspaces import Keyspace
from local import demo
from local.demo_data import EVENTS
from local.settings import PROJECT
from pipeline.operators.verify import verifying
from tests.support.commands import Operator, run_when_published
from tests.whole.conftest import MakeJob

PAGE = PROJECT / "docs" / "operators.md"
COMMANDS = {"cqlsh", "history", "verify", "forget"}


def examples(page: str) -> list[tuple[list[str], str]]:
    """The command lines of a page, and what follows each."""
    found = []
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", page, re.MULTILINE):
        for line, output in re.findall(r"^    \$ (.+)\n((?:(?!    \$ ).*\n)*)", block, re.MULTILINE):
            argv = shlex.split(line)
            if argv[0] in COMMANDS or argv[1] in COMMANDS:
                found.append((argv, re.sub(r"^    ", "", output, flags=re.MULTILINE)))
    return found


def without_times(output: str) -> str:
    """What is printed, but for what differs from run to run."""
    output = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "TIME", output)
    return re.sub(r"in \d+\.\d s", "in S s", output).strip()


@pytest.fixture(scope="module")
def job(make_job: MakeJob) -> Job:
    """The demo's events, merged."""
    job = make_job()
    demo.load(job.session)
    for event in EVENTS:
        job.publish([event], partition=0)
    job.run()
    return job


def test_every_command_prints_what_the_page_says(
    job: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "_SETTLED_S", 0)
    kafka = [f"--env={job.env}", f"--kafka_broker_servers={job.services.kafka_address}"]
    operator = Operator(Keyspace(job.session, job.services.cassandra_port), capsys, kafka)
    found = examples(PAGE.read_text())
    assert_that(len(found), greater_than(6))
    for argv, output in found:
        if argv[0] == "cqlsh":
            job.session.execute(argv[2].replace("sunbird_courses", job.session.keyspace))
            continue
        running = threading.Thread(target=run_when_published, args=(job, job.lag()))
        if "--repair" in argv:
            running.start()
        told = operator.run(*argv[1:])
        if "--repair" in argv:
            running.join()
        assert_that(without_times(told.output), equal_to(without_times(output)), " ".join(argv))
