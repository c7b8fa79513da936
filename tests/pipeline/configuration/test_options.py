"""The command line: what is ours, what is Beam's, and what is nobody's."""

import re
import subprocess
import sys

import pytest
from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions, StandardOptions

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.options import parse_command_line
from pipeline.configuration.settings import resolve
from pipeline.configuration.variables import VARIABLES
from transforms.variables import Variable


@pytest.fixture
def help_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    return shown_help("--help", capsys, monkeypatch)


def shown_help(option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit) as exit_:
        resolve([option], {})
    assert exit_.value.code == 0
    return capsys.readouterr().out


def refusal(argv: list[str]) -> str:
    with pytest.raises(ConfigError) as refused:
        resolve(argv, {})
    return str(refused.value)


def test_beams_options_stay_and_ours_are_taken_out_in_whatever_order() -> None:
    argv = ["--runner", "FlinkRunner", "--env", "x", "--flink_master=[local]", "--max_num_records=1"]
    argv += ["--streaming", "--config_file=f", "--experiments=a", "--print_config", "--experiments=b"]
    line = parse_command_line(argv)
    assert line.beam_args == (
        *("--runner", "FlinkRunner", "--flink_master=[local]", "--streaming", "--experiments=a"),
        "--experiments=b",
    )
    assert line.given == {"env": "x", "max_num_records": "1"}
    assert (line.options.config_file, line.options.print_config, line.problems) == ("f", True, ())


def test_nothing_given_is_nothing() -> None:
    line = parse_command_line([])
    assert (line.given, line.options.config_file, line.options.print_config, line.beam_args) == (
        {},
        None,
        False,
        (),
    )


def test_beam_reads_what_is_left_for_it() -> None:
    settings = resolve(["--env=x", "--runner=FlinkRunner", "--flink_master=host:8081", "--streaming"], {})
    options = PipelineOptions(list(settings.beam_args))
    assert options.view_as(StandardOptions).runner == "FlinkRunner"
    assert options.view_as(StandardOptions).streaming is True
    assert options.view_as(FlinkRunnerOptions).flink_master == "host:8081"


@pytest.mark.parametrize(
    ("argument", "suggestion"),
    [
        ("--kafka_groupid", "--kafka_groupId"),
        ("--kafka-groupId", "--kafka_groupId"),
        ("--kafka.groupId", "--kafka_groupId"),
        ("--KAFKA_GROUPID", "--kafka_groupId"),
        ("--kafka_input", "--kafka_input_topic"),
        ("--kafka_input_topi", "--kafka_input_topic"),
        ("--lms_cassandra_hosts", "--lms_cassandra_host"),
        ("--lms_cassandra_password", "--lms_cassandra_password_file"),
        ("--conf_file", "--config_file"),
        ("--runer", "--runner"),
        ("--flink_mastr", "--flink_master"),
    ],
)
@pytest.mark.parametrize("form", ["{}=x", "{} x"])
def test_an_unknown_option_is_refused_with_the_nearest_one(argument: str, suggestion: str, form: str) -> None:
    expected = f"{argument} is not an option: did you mean {suggestion}?"
    assert refusal(form.format(argument).split()) == expected


def test_an_unknown_option_like_no_other_is_refused() -> None:
    assert refusal(["--zzz"]) == "--zzz is not an option: see --help."
    assert refusal(["-x"]) == "-x is not an option: see --help."


def test_each_unknown_option_is_told() -> None:
    assert refusal(["--zzz=1", "--yyy", "--streaming"]).splitlines() == [
        "--zzz is not an option: see --help.",
        "--yyy is not an option: see --help.",
    ]


@pytest.mark.parametrize("argv", [["stray"], ["--env=x", "stray"], ["--streaming", "stray"], ["--zzz=1", "stray"]])
def test_an_argument_without_an_option_is_refused(argv: list[str]) -> None:
    assert refusal(argv).splitlines()[-1] == "'stray' belongs to no option: options start with --, see --help."


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--kafka_groupId"], "argument --kafka_groupId: expected one argument"),
        (["--config_file"], "argument --config_file: expected one argument"),
        (["--print_config=yes"], "argument --print_config: ignored explicit argument 'yes'"),
        (["--parallelism=many"], "argument --parallelism: invalid int value: 'many'"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_one_sentence(argv: list[str], message: str) -> None:
    assert refusal(argv) == f"The command line cannot be read, {message}: see --help."


RUNNERS = ["FlinkRunner", "flink", "PortableRunner", "apache_beam.runners.portability.flink_runner.FlinkRunner"]


@pytest.mark.parametrize("runner", RUNNERS)
def test_options_of_the_java_flink_runner_go_with_it(runner: str) -> None:
    argv = [f"--runner={runner}", "--checkpointing_interval", "2000", "--savepoint_path=/s", "--object_reuse"]
    assert resolve(argv, {}).beam_args == tuple(argv)


@pytest.mark.parametrize("argv", [[], ["--runner=DirectRunner"]])
def test_options_of_the_java_flink_runner_are_refused_with_another(argv: list[str]) -> None:
    assert refusal([*argv, "--checkpointing_interval", "2000"]) == (
        "--checkpointing_interval is an option of the Flink runner: give --runner=FlinkRunner too."
    )


def test_a_mistyped_option_of_the_java_flink_runner_is_refused() -> None:
    assert refusal(["--runner=FlinkRunner", "--checkpoint_interval=2000"]) == (
        "--checkpoint_interval is not an option: did you mean --checkpointing_interval?"
    )


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda v: v.option)
def test_help_tells_everything_of_each_variable(variable: Variable, help_text: str) -> None:
    (entry,) = re.findall(rf"^  --{variable.option} VALUE\s+(.*)$", help_text, re.MULTILINE)
    assert entry.startswith(variable.help)
    assert f"default: {variable.default or 'none'}" in entry
    if variable.key is not None:
        assert f"environment: {variable.environment}; config key: {variable.key})" in entry


def test_help_is_grouped_ours_first_then_beams(help_text: str) -> None:
    titles = re.findall(r"^(\S.*):$", help_text, re.MULTILINE)
    assert titles[:6] == ["options", "Run", "Kafka", "Cassandra", "Merge", "Log"]
    assert "Beam's StandardOptions" in titles
    assert "Beam's FlinkRunnerOptions" in titles
    assert all(title.startswith("Beam's ") for title in titles[6:])


@pytest.mark.parametrize(
    "option",
    ["--config_file", "--print_config", "--runner", "--flink_master", "--streaming", "--environment_type"],
)
def test_help_lists_the_other_options(option: str, help_text: str) -> None:
    assert re.search(rf"^  {option}\b", help_text, re.MULTILINE)


def test_beams_options_for_other_runners_are_in_the_help_of_all(
    help_text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = shown_help("--help-all", capsys, monkeypatch)
    for option in ("--experiment", "--project", "--spark_version"):
        assert re.search(rf"^  {option}\b", everything, re.MULTILINE)
        assert not re.search(rf"^  {option}\b", help_text, re.MULTILINE)
    assert "--kafka_input_topic" in everything


@pytest.mark.parametrize("option", ["-h", "--help", "--help-all"])
def test_help_is_given_whatever_else_is_wrong(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        resolve(["--zzz", option, "stray"], {})
    assert "--kafka_input_topic" in capsys.readouterr().out


def test_help_names_the_options_of_the_java_flink_runner(help_text: str) -> None:
    assert "--checkpointing_interval" in help_text


def test_there_is_no_option_for_the_password() -> None:
    assert all(v.option.endswith("_password_file") for v in VARIABLES if "password" in v.option)


def test_help_works_in_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert "--kafka_input_topic" in done.stdout
