"""The command `preview`: what it refuses, and what JSON says."""

from __future__ import annotations

import json

import pytest
from hamcrest import assert_that, contains_exactly, contains_string, equal_to, has_entries, starts_with

from local.ports import free_ports
from local.service import Service
from local.settings import HOST, LocalSettings
from pipeline.__main__ import main
from pipeline.operators.answers import as_json
from pipeline.operators.preview.text import PreviewAnswer
from tests.support.previews import BATCH, COURSE, NEW, OLD, preview


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--from=a", "--to=a"], "--from and --to are the same account: give the two that are to become one."),
        (["--from=a"], "the following arguments are required: --to"),
        (["--from=a", "--to= "], "argument --to: give the id of an account"),
        (["--from=a", "--to=b", "--form=json"], "--form is not an option: did you mean --format?"),
    ],
)
def test_what_is_wrong_is_told_with_exit_code_2(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_that(main(["preview", *argv]), equal_to(2))
    assert_that(capsys.readouterr().err, contains_string(told))


def test_a_cassandra_that_does_not_answer_has_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    (closed,) = free_ports(1)
    address = [f"--lms_cassandra_host={HOST}", f"--lms_cassandra_port={closed}"]

    assert_that(main(["preview", "--from=a", "--to=b", *address]), equal_to(3))

    told = capsys.readouterr()
    assert_that(
        told.err,
        starts_with(f"The answer is not whole, try again: lms-cassandra.host: {HOST}:{closed} cannot be used"),
    )
    assert_that(told.out, equal_to(""))


def test_a_keyspace_that_is_not_there_has_exit_code_2(
    settings: LocalSettings, cassandra_service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    address = [f"--lms_cassandra_host={HOST}", f"--lms_cassandra_port={settings.cassandra_port}"]

    code = main(["preview", "--from=a", "--to=b", "--lms_cassandra_keyspace=none", *address])

    assert_that(code, equal_to(2))
    assert_that(capsys.readouterr().err, equal_to("lms-cassandra.keyspace: there is no keyspace none\n"))


def test_json_has_all_that_changes_and_unchanged_values_where_all_is_asked_for() -> None:
    brief, full = (json.loads(as_json(PreviewAnswer(preview(), full))) for full in (False, True))

    merge = {"into": NEW, "merged_on": "2024-03-31T12:30:00.005Z"}
    assert_that(brief["from"], has_entries(id=OLD, enrolments=1, merges=contains_exactly(has_entries(merge))))
    assert_that(brief, has_entries(sync_requests=[{"courseid": COURSE, "batchid": BATCH}]))
    assert_that(brief, has_entries(follow_ups=[{"from": NEW, "to": OLD.upper()}]))
    enrolment = brief["changes"][2]
    key = {"userid": NEW, "courseid": COURSE, "batchid": BATCH}
    assert_that(enrolment, has_entries(table="user_enrolments", course=COURSE, key=key, copied=False, unchanged=2))
    assert_that(enrolment["columns"], has_entries(active={"old": False, "new": True}))
    assert_that(full["changes"][2], has_entries(unchanged={"progress": 2, "addedby": "somebody"}))
