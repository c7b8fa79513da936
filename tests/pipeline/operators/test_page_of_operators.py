"""Every preview of docs/operators.md, from top to bottom, on the demo's learners: it prints what the page says.

The other commands of the page need merges: tests/whole/test_operators_page.py runs them.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

import pytest
from hamcrest import assert_that, equal_to

from faults.keyspaces import MakeKeyspace
from local.demo_data import ROWS
from local.settings import HOST, PROJECT
from pipeline.__main__ import main

_BLOCK = re.compile(r"^( {4,6})\$ (.+)\n((?:\1(?!\$ ).*\n|\n(?=\1(?!\$ )))*)", re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """Each preview of the page with what it printed, as far as the page says."""
    page = PROJECT.joinpath("docs", "operators.md").read_text()
    found = _BLOCK.findall(page)
    return [(command, textwrap.dedent(printed)) for _, command, printed in found if " preview " in command]


def test_every_command_prints_what_the_page_says(
    make_keyspace: MakeKeyspace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    keyspace = make_keyspace()
    keyspace.insert(ROWS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LMS_CASSANDRA_HOST", HOST)
    monkeypatch.setenv("LMS_CASSANDRA_PORT", str(keyspace.port))
    monkeypatch.setenv("LMS_CASSANDRA_KEYSPACE", str(keyspace.session.keyspace))
    for command, expected in commands():
        program, *argv = shlex.split(command)
        assert_that(program, equal_to("merge-user-courses"))

        code = main(argv)

        printed = capsys.readouterr()
        assert_that(code, equal_to(0), f"{command}\n{printed.err}")
        _assert_has(printed.out, expected, command)
        if "--output=preview.html" in argv:
            assert_that((tmp_path / "preview.html").read_text()[:15], equal_to("<!doctype html>"))


def _assert_has(printed: str, expected: str, command: str) -> None:
    """It is what the page says; of what is between two ellipses, the lines are there, in this order."""
    parts = re.split(r"^ *…\n", expected.strip("\n") + "\n", flags=re.MULTILINE) if expected else []
    if len(parts) < 2:
        assert_that(printed, equal_to("".join(parts)), command)
    left = printed
    for part in filter(None, parts):
        _, found, left = left.partition(part)
        assert_that(found, equal_to(part), f"{command} printed:\n{printed}")
