"""How an answer is put out, and the exit code that it has."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hamcrest import assert_that, contains_string, equal_to, has_entries, has_length, only_contains
from kafka.errors import KafkaTimeoutError
from rich.console import RenderableType
from rich.table import Table

from pipeline.configuration.errors import ConfigError, ServiceError
from pipeline.operators.answers import exit_code, put_out
from pipeline.operators.options import Output
from transforms.store.credentials import CredentialsError
from transforms.store.errors import NoAnswerError

VALUES = {
    "time": datetime(2024, 3, 1, 10, tzinfo=UTC),
    "none": math.nan,
    "most": -math.inf,
    "half": 0.5,
    "bytes": b"\x00\xff",
    "entries": {1: [datetime(2024, 3, 1, tzinfo=UTC)]},
    "null": None,
}


class Words:
    """An answer of one cell of many words."""

    def tables(self) -> Iterable[RenderableType]:
        table = Table("words")
        table.add_row("word " * 40)
        return [table, "[b]"]

    def fields(self) -> Mapping[str, Any]:
        return VALUES


def test_json_has_its_version_first_and_values_that_every_parser_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    put_out(Words(), Output("json", None))

    said = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert_that(next(iter(said)), equal_to("format_version"))
    expected = has_entries(
        format_version=1,
        time="2024-03-01T10:00:00.000Z",
        none="nan",
        most="-inf",
        half=0.5,
        bytes="00ff",
        entries={"1": ["2024-03-01T00:00:00.000Z"]},
        null=None,
    )
    assert_that(said, expected)


def test_tables_are_80_columns_wide_where_nobody_looks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    put_out(Words(), Output("table", None))
    printed = capsys.readouterr().out
    assert_that([len(line) for line in printed.splitlines()], only_contains(*range(81)))

    put_out(Words(), Output("table", str(tmp_path / "answer")))
    assert_that((tmp_path / "answer").read_text(), equal_to(printed))
    assert_that(capsys.readouterr().out, has_length(0))


def test_a_format_of_the_command_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    put_out(Words(), Output("html", None), {"html": lambda: "<p>"})
    assert_that(capsys.readouterr().out, equal_to("<p>"))


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        put_out(Words(), Output("json", str(tmp_path)))
    assert_that(str(refused.value), equal_to(f"--output: {tmp_path} cannot be written: Is a directory."))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("no"), 2),
        (CredentialsError("no"), 2),
        (ServiceError("no"), 3),
        (NoAnswerError("no"), 3),
        (KafkaTimeoutError("no"), 3),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_is_told_in_a_sentence_and_has_its_exit_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> bool:
        raise error

    assert_that(exit_code(fail), equal_to(code))
    told = capsys.readouterr()
    assert_that(told.out, equal_to(""))
    assert_that(told.err, contains_string("no" if code != 130 else "Interrupted."))


def test_an_answer_is_yes_or_no() -> None:
    assert_that([exit_code(lambda: True), exit_code(lambda: False)], equal_to([0, 1]))
