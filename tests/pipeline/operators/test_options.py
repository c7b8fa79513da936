"""The options that the operators' commands share."""

from __future__ import annotations

import pytest
from hamcrest import assert_that, contains_string, equal_to, has_properties

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.options import Page
from pipeline.operators.options import OperatorOptions, account, read_options

PAGE = Page(
    "merge-user-courses ask",
    "Asks.",
    "example:\n  %(prog)s --of=A",
    lambda parser: parser.add_argument("--of", type=account),
)


def read(*argv: str, kafka: bool = False, **environ: str) -> OperatorOptions:
    return read_options(PAGE, argv, environ, kafka=kafka)


def refusal(*argv: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as refused:
        read(*argv, **environ)
    return str(refused.value)


def test_the_jobs_variables_come_from_where_the_job_has_them() -> None:
    options = read("--lms_cassandra_port=9", "--of=a", MERGE_LEDGER="off", JOB_ENV="staging")

    assert_that(options.cassandra, has_properties(port=9, keyspace="sunbird_courses"))
    assert_that(
        options.merge, has_properties(merge_ledger=False, course_batch_updater_action="batch-enrolment-sync")
    )
    assert_that(options.given, has_properties(of="a"))
    assert_that(options.kafka, equal_to(None))


def test_kafka_is_there_for_those_that_ask_for_it() -> None:
    kafka = read("--env=staging", kafka=True).kafka
    assert_that(kafka, has_properties(input_topic="staging.lms.user.account.merge"))


def test_an_answer_is_a_table_on_stdout_unless_something_else_is_asked_for() -> None:
    assert_that(read().output, has_properties(format="table", file=None))
    assert_that(read("--format=json", "--output=f").output, has_properties(format="json", file="f"))


def test_what_is_wrong_is_refused() -> None:
    assert_that(refusal("--format=xml"), contains_string("invalid choice: 'xml'"))
    assert_that(refusal("--of= "), contains_string("--of: give the id of an account"))
    unused = "--kafka_groupId is an option of the job that this command has no use for: leave it out."
    assert_that(refusal("--kafka_groupId=g"), equal_to(unused))
    assert_that(refusal("--fromat=json"), equal_to("--fromat is not an option: did you mean --format?"))


def test_the_help_says_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read("--help")
    told = capsys.readouterr().out
    for words in (
        "merge-user-courses ask --of=A",
        "exit codes: 0 yes or done, 1 answered, but no",
        "--output FILE",
    ):
        assert_that(told, contains_string(words))
