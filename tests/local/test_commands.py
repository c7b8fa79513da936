"""What the commands do with the services, tried on small servers instead of Kafka and Cassandra."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from local import __main__, commands, jars, run, schema, topics
from local.errors import LocalError
from local.programs import Program
from local.service import Service
from local.settings import PROJECT, LocalSettings

LISTEN = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"


@pytest.fixture
def servers(folder: LocalSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Service, Service]]:
    """Stand in for Kafka and Cassandra; what `up` does besides does nothing."""

    def server(name: str, port: int) -> Service:
        command = [sys.executable, "-c", LISTEN, str(port)]
        return Service(name, folder, port=port, port_variable="X", prepare=lambda: command, answers=lambda: True)

    both = server("Kafka", folder.kafka_port), server("Cassandra", folder.cassandra_port)
    monkeypatch.setattr(commands, "services", lambda _: both)
    monkeypatch.setattr(run, "services", lambda _: both)
    monkeypatch.setattr(run, "kafka", lambda _: both[0])
    monkeypatch.setattr(run, "cassandra", lambda _: both[1])
    monkeypatch.setattr(jars, "resolve_all", lambda _: None)
    monkeypatch.setattr(schema, "create", lambda _: None)
    monkeypatch.setattr(topics, "create", lambda _: None)
    yield both
    for one in both:
        one.kill()


def interrupt(_: LocalSettings) -> None:
    raise KeyboardInterrupt


class Dispatched:
    """Takes the place of the dispatcher and remembers what came."""

    command: str
    args: list[str]

    def __call__(self, command: str, settings: LocalSettings, args: Sequence[str]) -> int:
        self.command, self.args = command, list(args)
        return 0


def refuse(_: LocalSettings) -> None:
    pytest.fail("this should not have been reached")


def test_up_and_down_start_and_stop_both(
    folder: LocalSettings, servers: tuple[Service, Service], capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.status(folder) == 1
    assert commands.up(folder) == 0
    assert commands.status(folder) == 0
    assert all(server.is_ready() for server in servers)
    assert commands.down(folder) == 0
    assert not any(server.is_running() for server in servers)
    assert "Kafka is stopped." in capsys.readouterr().out
    assert commands.down(folder) == 0
    assert "Kafka was not up." in capsys.readouterr().out


def test_up_again_leaves_everything_as_it_is_and_says_so(
    folder: LocalSettings, servers: tuple[Service, Service], capsys: pytest.CaptureFixture[str]
) -> None:
    commands.up(folder)
    pids = [server.pid for server in servers]
    assert "already" not in capsys.readouterr().out
    assert commands.up(folder) == 0
    assert [server.pid for server in servers] == pids
    assert "Kafka and Cassandra were up already." in capsys.readouterr().out


def test_an_interrupted_up_stops_what_it_started_and_nothing_else(
    folder: LocalSettings, servers: tuple[Service, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka, cassandra = servers
    kafka.start()
    monkeypatch.setattr(schema, "create", interrupt)
    with pytest.raises(KeyboardInterrupt):
        commands.up(folder)
    assert kafka.is_running()
    assert not cassandra.is_running()


def test_a_port_in_use_is_said_before_anything_starts(
    folder: LocalSettings, servers: tuple[Service, Service], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(jars, "resolve_all", refuse)
    other = dataclasses.replace(folder, data_dir=tmp_path / "other")
    port = folder.cassandra_port
    foreign = Service(
        "Foreign",
        other,
        port=port,
        port_variable="",
        prepare=lambda: [sys.executable, "-c", LISTEN, str(port)],
        answers=lambda: True,
    )
    with foreign.running(), pytest.raises(LocalError, match=f"Port {port} for Cassandra is in use"):
        commands.up(folder)
    assert not servers[0].is_running()


def test_status_shows_a_server_that_does_not_answer(
    folder: LocalSettings, servers: tuple[Service, Service], capsys: pytest.CaptureFixture[str]
) -> None:
    commands.up(folder)
    servers[0]._answers = lambda: False
    assert commands.status(folder) == 1
    out = capsys.readouterr().out
    assert "not answering" in out
    assert str(servers[0].pid) in out


def test_the_pipeline_is_pointed_at_what_is_up(
    folder: LocalSettings, servers: tuple[Service, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LocalError, match=r"Kafka is not up; start it with ./run_local.sh up\."):
        run.run(folder, [])
    commands.up(folder)
    ran: list[str] = []

    def foreground(command: list[str]) -> int:
        ran.extend(command)
        return 7

    monkeypatch.setattr(run, "foreground", foreground)
    assert run.run(folder, ["--env=x"]) == 7
    assert ran == [
        *(sys.executable, "-m", "pipeline"),
        f"--kafka_broker_servers=127.0.0.1:{folder.kafka_port}",
        "--lms_cassandra_host=127.0.0.1",
        f"--lms_cassandra_port={folder.cassandra_port}",
        f"--kafka_expansion_service_jar={folder.expansion_service_jar}",
        *("--runner=DirectRunner", "--env=x"),
    ]


def test_a_replay_is_pointed_at_kafka_and_needs_no_more(
    folder: LocalSettings, servers: tuple[Service, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LocalError, match=r"Kafka is not up; start it with ./run_local.sh up\."):
        run.replay(folder, [])
    servers[0].start()
    ran: list[str] = []

    def foreground(command: list[str]) -> int:
        ran.extend(command)
        return 7

    monkeypatch.setattr(run, "foreground", foreground)
    assert run.replay(folder, ["--dry_run"]) == 7
    address = f"--kafka_broker_servers=127.0.0.1:{folder.kafka_port}"
    assert ran == [sys.executable, "-m", "pipeline.replay", address, "--dry_run"]


def test_an_operators_question_is_pointed_at_cassandra_and_needs_no_more(
    folder: LocalSettings, servers: tuple[Service, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LocalError, match=r"Cassandra is not up; start it with ./run_local.sh up\."):
        run.ask(folder, "preview", [])
    servers[1].start()
    ran: list[str] = []

    def foreground(command: list[str]) -> int:
        ran.extend(command)
        return 7

    monkeypatch.setattr(run, "foreground", foreground)
    assert run.ask(folder, "preview", ["--full"]) == 7
    address = ["--lms_cassandra_host=127.0.0.1", f"--lms_cassandra_port={folder.cassandra_port}"]
    assert ran == [sys.executable, "-m", "pipeline", "preview", *address, "--full"]


def test_a_verification_is_pointed_at_kafka_too(
    folder: LocalSettings, servers: tuple[Service, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    servers[1].start()
    with pytest.raises(LocalError, match=r"Kafka is not up; start it with ./run_local.sh up\."):
        run.ask(folder, "verify", [])
    servers[0].start()
    ran: list[str] = []
    monkeypatch.setattr(run, "foreground", lambda command: ran.extend(command) or 0)

    assert run.ask(folder, "verify", ["--topic"]) == 0
    assert ran[-2:] == [f"--kafka_broker_servers=127.0.0.1:{folder.kafka_port}", "--topic"]


LEFT_OUT = "Neither helm and promtool nor Go are on the PATH: what they check is left out."


@pytest.mark.parametrize(
    ("args", "options", "says"),
    [
        ([], ["--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"], LEFT_OUT),
        (["-x"], [], LEFT_OUT),
        (["--fast", "-x"], ["--numprocesses=auto"], ""),
    ],
    ids=["all tests", "some tests", "fast tests"],
)
def test_processes_share_tests_and_what_is_left_out_is_said_where_it_would_be_run(
    args: list[str],
    options: list[str],
    says: str,
    folder: LocalSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran: list[object] = []
    monkeypatch.setattr(commands, "foreground", ran.append)
    monkeypatch.setattr(commands, "PROMTOOL", Program("promtool", {}))
    monkeypatch.setenv("PATH", "")

    commands.test(folder, args)

    assert ran == [[sys.executable, "-m", "pytest", *options, *args]]
    assert " ".join(capsys.readouterr().out.split()) == says


def test_a_foreground_command_gives_its_exit_code() -> None:
    assert commands.foreground([sys.executable, "-c", "import sys; sys.exit(3)"]) == 3


@pytest.mark.parametrize("command", ["run", "replay", "test"])
def test_arguments_reach_pipeline_and_pytest_untouched(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(__main__, "_dispatch", dispatched := Dispatched())
    assert __main__.main([command, "--help", "-k", "up", "--", "x"]) == 0
    assert (dispatched.command, dispatched.args) == (command, ["--help", "-k", "up", "--", "x"])


def test_the_demo_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(__main__, "_dispatch", dispatched := Dispatched())
    assert __main__.main([]) == 0
    assert dispatched.command == "demo"


@pytest.mark.parametrize(
    "argv", [["up", "now"], ["--quick"], ["sideways"]], ids=["argument", "option", "unknown command"]
)
def test_what_no_command_takes_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        __main__.main(argv)
    assert refused.value.code == 2
    assert argv[-1] in capsys.readouterr().err


def test_help_lists_commands_and_variables(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        __main__.main(["--help"])
    words = capsys.readouterr().out.split()
    assert {"demo", "up", "down", "status", "run", "replay", "test"} <= set(words)
    assert {"KAFKA_PORT", "CASSANDRA_PORT", "DATA_DIR", "JAVA_HOME"} <= set(words)


def test_an_error_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_PORT", "[red]")
    assert __main__.main(["status"]) == 1
    assert capsys.readouterr().err.strip() == ("KAFKA_PORT is '[red]'; set it to a port number from 1 to 65535.")


def test_ctrl_c_ends_a_command_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "_dispatch", interrupted)
    assert __main__.main(["up"]) == 130


@pytest.mark.usefixtures("maven")  # no fast test: it starts pytest, which takes longer than any of these
@pytest.mark.parametrize("options", [[], ["--numprocesses=1"]], ids=["one process", "processes that share"])
def test_why_no_test_can_be_run_is_said(options: list[str], tmp_path: Path) -> None:
    needs_jars = "tests/deploy/test_jars.py::test_no_artifact_is_there_in_two_versions"
    environment = os.environ | {"PATH": str(tmp_path), "DATA_DIR": str(tmp_path)}

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, needs_jars],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode
    assert "Maven is needed to resolve the jars; install it" in ran.stdout + ran.stderr
