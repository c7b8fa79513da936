"""run_local.sh, on a machine made of fake programs: what it checks, and that it installs once."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.settings import PROJECT

TOOLS = ["bash", "cat", "cmp", "cp", "dirname", "echo", "env", "mkdir", "sed", "tail", "tee"]

PYTHON = """#!/bin/sh
case $1 in
-c) exit {too_old} ;;
-m) mkdir -p "$4/bin" && cp "$VENV_PYTHON" "$4/bin/python" ;;
esac
"""
VENV_PYTHON = """#!/bin/sh
echo "$@" >> "$CALLS"
case $2 in
pip) echo 'ERROR: no such package'; exit ${PIP_FAILS:-0} ;;
local) exit 5 ;;
esac
"""
JAVA = """#!/bin/sh
echo 'Picked up JAVA_TOOL_OPTIONS: -Dx=y' >&2
echo 'openjdk version "{version}" 2025-04-15' >&2
"""


class Machine:
    """A project folder and a PATH that holds only what is put there."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.bin = folder / "bin"
        self.calls_file = folder / "calls"
        self.environ = {
            "PATH": str(self.bin),
            "CALLS": str(self.calls_file),
            "VENV_PYTHON": str(folder / "venv-python"),
            "DATA_DIR": "data",
        }
        self.project.mkdir()
        self.bin.mkdir()
        shutil.copy(PROJECT / "run_local.sh", self.project)
        (self.project / "setup.py").write_text("1")
        for tool in TOOLS:
            self.bin.joinpath(tool).symlink_to(str(shutil.which(tool)))
        self.write(folder / "venv-python", VENV_PYTHON)
        self.write(self.bin / "python3", PYTHON.format(too_old=0))
        self.write(self.bin / "java", JAVA.format(version="17.0.15"))
        self.write(self.bin / "mvn", "#!/bin/sh\n")

    def write(self, path: Path, script: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)

    def run(self, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.project / "run_local.sh"), *args],
            cwd=self.project,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self, command: str) -> str | None:
        """What pip is told to install by a command, if it is called at all."""
        before = len(self.calls())
        self.run(command)
        pips = [call for call in self.calls()[before:] if call.startswith("-m pip install")]
        return pips[0].split(" -e ")[1] if pips else None

    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_packages_are_installed_once(machine: Machine) -> None:
    ran = machine.run("run", "--env=a b")
    assert ran.returncode == 5
    assert "Installing the Python packages" in ran.stdout
    pip, local = machine.calls()
    assert pip.startswith("-m pip install")
    assert pip.endswith("-e .")
    assert local == "-m local run --env=a b"
    assert machine.run("up").stdout == ""
    assert machine.calls()[2:] == ["-m local up"]


@pytest.mark.parametrize(("command", "extra"), [("test", "test"), ("bench", "bench"), ("faults", "test")])
def test_what_only_some_commands_need_is_installed_with_the_first_of_them(
    machine: Machine, command: str, extra: str
) -> None:
    assert machine.installed("demo") == "."
    assert machine.installed(command) == f".[{extra}]"
    for other in (command, "demo", "status", "down"):
        assert machine.installed(other) is None
    (machine.project / "setup.py").write_text("2")
    assert machine.installed("demo") == "."
    assert machine.installed(command) == f".[{extra}]"


def test_a_machine_that_has_nothing_is_made_ready_for_the_linters_by_asking_for_the_status(
    machine: Machine,
) -> None:
    assert machine.installed("status") == ".[test]"
    for command in ("status", "demo", "test"):
        assert machine.installed(command) is None


def test_packages_are_installed_again_when_setup_py_has_changed(machine: Machine) -> None:
    machine.run("up")
    (machine.project / "setup.py").write_text("2")
    machine.run("up")
    assert sum("pip install" in call for call in machine.calls()) == 2


def test_a_failed_installation_is_said_and_tried_again(machine: Machine) -> None:
    ran = machine.run("up", PIP_FAILS="1")
    assert ran.returncode == 1
    log = machine.project / "data" / "logs" / "pip.log"
    assert ran.stderr.splitlines() == [
        "ERROR: no such package",
        f"The Python packages could not be installed; put right what {log} says and try again.",
    ]
    assert machine.run("up").returncode == 5


@pytest.mark.parametrize("version", ["17", "17.0.2", "17-ea"])
def test_java_17_will_do(machine: Machine, version: str) -> None:
    machine.write(machine.bin / "java", JAVA.format(version=version))
    assert machine.run("up").returncode == 5


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2", "21.0.1", "170.1"])
def test_another_java_is_refused(machine: Machine, version: str) -> None:
    machine.write(machine.bin / "java", JAVA.format(version=version))
    ran = machine.run("up")
    assert ran.returncode == 1
    assert ran.stderr == (
        f"JDK 17 is needed, but java is version {version}; set JAVA_HOME to the folder of a JDK 17.\n"
    )
    assert machine.calls() == []


def test_java_home_goes_before_the_path(machine: Machine, tmp_path: Path) -> None:
    machine.write(machine.bin / "java", JAVA.format(version="21"))
    machine.write(tmp_path / "jdk" / "bin" / "java", JAVA.format(version="17.0.1"))
    assert machine.run("up", JAVA_HOME=str(tmp_path / "jdk")).returncode == 5


def test_a_java_home_without_java_is_refused(machine: Machine) -> None:
    ran = machine.run("up", JAVA_HOME=str(machine.project))
    assert ran.returncode == 1
    assert ran.stderr == (
        f"JAVA_HOME is {machine.project}, which has no bin/java; set it to the folder of a JDK 17.\n"
    )


def test_a_missing_java_is_said(machine: Machine) -> None:
    os.remove(machine.bin / "java")
    ran = machine.run("up")
    assert ran.returncode == 1
    assert ran.stderr == "JDK 17 is needed; install it, and set JAVA_HOME or put its java on the PATH.\n"


def test_a_missing_maven_is_said(machine: Machine) -> None:
    os.remove(machine.bin / "mvn")
    ran = machine.run("up")
    assert ran.returncode == 1
    assert ran.stderr == "Maven is needed; install it and put its mvn on the PATH.\n"


def test_an_unfit_python_is_said(machine: Machine) -> None:
    machine.write(machine.bin / "python3", PYTHON.format(too_old=1))
    ran = machine.run("up")
    assert ran.returncode == 1
    assert ran.stderr == "Python 3.11 or 3.12 is needed; install one of them and put it on the PATH.\n"


def test_a_named_python_will_do(machine: Machine) -> None:
    machine.write(machine.bin / "python3", PYTHON.format(too_old=1))
    machine.write(machine.bin / "python3.11", PYTHON.format(too_old=0))
    assert machine.run("up").returncode == 5


def test_a_data_folder_that_is_a_file_is_refused(machine: Machine) -> None:
    (machine.project / "data").touch()
    ran = machine.run("up")
    assert ran.returncode == 1
    assert ran.stderr == "DATA_DIR is data, which is no folder and cannot be made one; set it to another one.\n"


@pytest.mark.parametrize(
    "args", [["down"], ["status"], ["test", "--fast"], ["test", "-x", "--fast", "tests/local"]]
)
def test_what_needs_neither_java_nor_maven_does_not_ask_for_them(machine: Machine, args: list[str]) -> None:
    for program in ("java", "mvn"):
        os.remove(machine.bin / program)
    assert machine.run(*args).returncode == 5


def test_only_the_tests_have_a_fast_part(machine: Machine) -> None:
    os.remove(machine.bin / "java")
    assert machine.run("run", "--fast").returncode == 1
