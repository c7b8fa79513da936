"""The command line: a command and its options, and what is said of each."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.commands import COMMANDS
from pipeline.configuration.variables import VARIABLES


def shown(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command line that ends well prints."""
    try:
        status = main(argv)
    except SystemExit as exit_:
        status = int(exit_.code or 0)
    assert status == 0
    return capsys.readouterr().out


def refusal(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command line that is refused says."""
    assert main(argv) == 2
    return capsys.readouterr().err.strip()


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    page = shown(["--help"], capsys)
    for name, command in COMMANDS.items():
        assert f"  {name:<12} {command.summary}\n" in page


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page_of_its_own(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    page = shown([name, "--help"], capsys)
    assert page.startswith(f"usage: merge-user-courses {name} ")
    assert "example" in page
    assert len(page.splitlines()) < 240


@pytest.mark.parametrize("argv", [["--version"], ["run", "--version"], ["--env=x", "--version"]])
def test_the_version_is_that_of_the_package(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(argv, capsys).strip() == version("merge-user-courses")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("sumbit", "did you mean submit?"),
        ("worker_pool", "did you mean worker-pool?"),
        ("--config", None),
        ("xyz", f"give one of {', '.join(COMMANDS)}."),
    ],
)
def test_a_command_that_is_none_is_refused(
    name: str, advice: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = f"{name!r} is not a command: {advice}" if advice else "--config is not an option: did you mean"
    assert refusal([name], capsys).startswith(expected)


def test_without_a_command_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--kafka_broker_servers=localhost", "--lms_cassandra_port=x"]
    assert refusal(argv, capsys) == refusal(["run", *argv], capsys)


def test_config_shows_each_variable_and_then_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert shown(["config"], capsys) == shown(["--print_config"], capsys)
    assert main(["config", "--lms_cassandra_port=x"]) == 2
    told = capsys.readouterr()
    assert all(variable.name in told.out for variable in VARIABLES)
    assert told.err.startswith("lms-cassandra.port is 'x' (from option --lms_cassandra_port)")


def test_submit_runs_on_flink_whatever_the_runner(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["submit", "--runner=DirectRunner", "--flink_master=[local]", "--checkpointing_interval=2000"]
    assert refusal(argv, capsys) == "--flink_master is [local]: give HOST:PORT of the cluster's REST API."


def test_replay_is_the_module_that_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(["replay", "--since=monday"], capsys).startswith("--since is 'monday'")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.replay", "--since=monday"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.partition(":")[0]) == (2, "--since is 'monday'")


def test_what_needs_no_beam_does_not_wait_for_its_import(tmp_path: Path) -> None:
    code = "import sys; from pipeline.__main__ import main; main(['worker-pool', '--check', '--port=1']); "
    code += "sys.exit('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
