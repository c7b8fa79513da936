from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hamcrest import assert_that, calling, equal_to, raises

from local.errors import LocalError
from local.programs import Program
from local.settings import LocalSettings, read_settings

WORKS = 'printf "%s" "$PYTHON" >a-program && chmod +x a-program'


@pytest.fixture
def own_settings(tmp_path: Path) -> LocalSettings:
    return read_settings({"DATA_DIR": str(tmp_path / "data")})


def test_ways_are_tried_until_one_works_and_then_it_is_there(own_settings: LocalSettings) -> None:
    ways = {"nobody-has-this": "exit 0", "false": "exit 1", "true": WORKS, "sh": "touch never"}

    got = Program("a-program", ways).get(own_settings)

    assert_that(got.read_text(), equal_to(sys.executable))
    assert_that(sorted(got.parent.iterdir()), equal_to([got]))
    assert_that(Program("a-program", {}).get(own_settings), equal_to(got))


def test_the_one_on_the_path_is_taken(
    own_settings: LocalSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "a-program"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert_that(Program("a-program", {"true": WORKS}).get(own_settings), equal_to(program))


def test_where_no_way_works_it_is_said_what_each_said(own_settings: LocalSettings) -> None:
    program = Program("a-program", {"false": "echo no index >&2; exit 1", "true": "echo no network >&2; exit 2"})

    assert program.is_available(own_settings)
    assert_that(
        calling(program.get).with_args(own_settings),
        raises(LocalError, r"no a-program; put it on the PATH.* false says: no index true says: no network$"),
    )
    assert not Program("a-program", {"nobody-has-this": ""}).is_available(own_settings)
