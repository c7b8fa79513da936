"""Who may import whom: the contracts of pyproject.toml."""

from __future__ import annotations

import logging.config

import pytest
from hamcrest import assert_that, equal_to
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from local.settings import PROJECT


def test_no_module_imports_what_its_contracts_forbid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    # It would disable every logger there is, for the tests that come after.
    monkeypatch.setattr(logging.config, "dictConfig", lambda config: None)

    status = lint_imports(str(PROJECT / "pyproject.toml"), no_cache=True)

    assert_that(status, equal_to(EXIT_STATUS_SUCCESS), capsys.readouterr().out)
