"""The settings of a run, resolved from options, environment, configuration file and defaults."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.config_file import read_config_file
from pipeline.errors import ConfigError
from pipeline.options import CommandLine, parse_command_line
from pipeline.variables import ENV_PLACEHOLDER, JOB_ENV, VARIABLES, Variable
from transforms.settings import PASSWORD_VARIABLE, CassandraSettings, MergeSettings

__all__ = [
    "CassandraSettings",
    "ConfigError",
    "Configuration",
    "KafkaSettings",
    "MergeSettings",
    "Settings",
    "find_values",
    "kafka_settings",
    "print_config",
    "read_configuration",
    "resolve",
]


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where events are read and where results are written."""

    broker_servers: str
    input_topic: str
    failed_topic: str
    group_id: str
    sync_topic: str
    expansion_service_jar: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a run needs to know."""

    kafka: KafkaSettings
    cassandra: CassandraSettings
    merge: MergeSettings
    env: str
    max_num_records: int | None
    max_read_time: float | None
    beam_args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """The text of a variable, and where it came from."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """All variables as they were found, right or wrong.

    Attributes:
        values: the value of each variable, by its option, with {{env}} filled in.
        password_in_environment: whether LMS_CASSANDRA_PASSWORD is set; its value is none of our business.
        command_line: the command line that this comes from.
        problems: a sentence for each thing that could not be read.
    """

    values: Mapping[str, Value]
    password_in_environment: bool
    command_line: CommandLine
    problems: tuple[str, ...]

    def settings(self) -> Settings:
        """Returns the settings, or raises ConfigError with a sentence for everything that is wrong."""
        parsed = self.parse(VARIABLES, self._half_a_login())
        return Settings(
            kafka=kafka_settings(parsed),
            cassandra=CassandraSettings(
                hosts=parsed["lms_cassandra_host"],
                port=parsed["lms_cassandra_port"],
                keyspace=parsed["lms_cassandra_keyspace"],
                content_consumption_table=parsed["lms_cassandra_content_consumption_table"],
                user_enrolments_table=parsed["lms_cassandra_user_enrolments_table"],
                user_activity_agg_table=parsed["lms_cassandra_user_activity_agg_table"],
                consistency_level=parsed["lms_cassandra_consistency_level"],
                local_dc=parsed["lms_cassandra_local_dc"],
                username=parsed["lms_cassandra_username"],
                password_file=parsed["lms_cassandra_password_file"],
                retry_seconds=parsed["cassandra_retry_seconds"],
            ),
            merge=MergeSettings(
                merge_ledger=parsed["merge_ledger"],
                course_date_format=parsed["course_date_format"],
                course_batch_updater_action=parsed["course_batch_updater_action"],
            ),
            env=parsed["env"],
            max_num_records=parsed["max_num_records"],
            max_read_time=parsed["max_read_time"],
            beam_args=self.command_line.beam_args,
        )

    def parse(self, variables: Iterable[Variable], more_problems: Iterable[str] = ()) -> dict[str, Any]:
        """Returns the values of some variables, by option.

        Args:
            variables: the variables that are needed; the others may be wrong.
            more_problems: a sentence for everything else that is wrong.

        Raises:
            ConfigError: with a sentence for everything that is wrong.
        """
        problems = list(self.problems)
        parsed: dict[str, Any] = {}
        for variable in variables:
            try:
                parsed[variable.option] = variable.parse(self.values[variable.option].text)
            except ValueError as e:
                problems.append(f"{self._found(variable)}: {e}.")
        problems += self._used_twice(parsed)
        problems += more_problems
        if problems:
            raise ConfigError("\n".join(problems))
        return parsed

    def _found(self, variable: Variable) -> str:
        value = self.values[variable.option]
        return f"{variable.name} is {value.text!r} (from {value.origin})"

    def _used_twice(self, parsed: Mapping[str, Any]) -> Iterator[str]:
        for kind in ("topic", "table"):
            named = [v for v in VARIABLES if v.option.endswith(f"_{kind}") and v.option in parsed]
            for one, other in combinations(named, 2):
                if parsed[one.option] == parsed[other.option]:
                    yield f"{self._found(one)}, and so is {other.name}: give each a {kind} of its own."

    def _half_a_login(self) -> Iterator[str]:
        username, password_file = self.values["lms_cassandra_username"], self.values["lms_cassandra_password_file"]
        if username.text and not (password_file.text or self.password_in_environment):
            yield (
                f"lms-cassandra.username is {username.text!r} (from {username.origin}) without a password: "
                f"set lms-cassandra.password_file or the environment variable {PASSWORD_VARIABLE}."
            )
        if not username.text and (password_file.text or self.password_in_environment):
            source = (
                f"lms-cassandra.password_file (from {password_file.origin})"
                if password_file.text
                else f"the environment variable {PASSWORD_VARIABLE}"
            )
            yield f"lms-cassandra.username is not set, but {source} is: set both or neither."


def kafka_settings(parsed: Mapping[str, Any]) -> KafkaSettings:
    """Returns the settings of Kafka; what runs no pipeline parses no expansion service."""
    return KafkaSettings(
        broker_servers=parsed["kafka_broker_servers"],
        input_topic=parsed["kafka_input_topic"],
        failed_topic=parsed["kafka_output_failed_topic"],
        group_id=parsed["kafka_groupId"],
        sync_topic=parsed["kafka_output_course_batch_updater_topic"],
        expansion_service_jar=parsed.get("kafka_expansion_service_jar"),
    )


def resolve(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Returns the settings that `argv` and `environ` give, or raises ConfigError with all that is wrong."""
    return read_configuration(argv, environ).settings()


def read_configuration(argv: Sequence[str], environ: Mapping[str, str]) -> Configuration:
    """Finds the value of each variable; only `Configuration.settings` checks them.

    Raises:
        ConfigError: if the command line cannot be read at all.
    """
    return find_values(parse_command_line(argv), environ)


def find_values(command_line: CommandLine, environ: Mapping[str, str]) -> Configuration:
    """Finds the value of each variable beside a command line that is read already."""
    problems = list(command_line.problems)
    in_file: Mapping[str, str] = {}
    if command_line.config_file is not None:
        try:
            keys = [variable.key for variable in VARIABLES if variable.key is not None]
            in_file = read_config_file(command_line.config_file, keys, environ)
        except ConfigError as e:
            problems.append(str(e))

    def find(variable: Variable) -> Value:
        if variable.option in command_line.given:
            return Value(command_line.given[variable.option].strip(), f"option --{variable.option}")
        if variable.environment is not None and variable.environment in environ:
            return Value(environ[variable.environment].strip(), f"environment {variable.environment}")
        if variable.key is not None and variable.key in in_file:
            return Value(in_file[variable.key].strip(), f"file {command_line.config_file}")
        return Value(variable.default, "default")

    env = find(JOB_ENV).text
    found = {variable.option: find(variable) for variable in VARIABLES}
    return Configuration(
        values={o: Value(v.text.replace(ENV_PLACEHOLDER, env), v.origin) for o, v in found.items()},
        password_in_environment=bool(environ.get(PASSWORD_VARIABLE)),
        command_line=command_line,
        problems=tuple(problems),
    )


def print_config(configuration: Configuration, console: Console) -> None:
    """Shows each variable, its value and where it came from; of the password only where it is."""
    table = Table("variable", "value", "from", highlight=False)
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = True
    group = VARIABLES[0].group
    for variable in VARIABLES:
        if variable.group != group:
            table.add_section()
            group = variable.group
        value = configuration.values[variable.option]
        table.add_row(*map(Text, (variable.name, value.text, value.origin)))
        if variable.option == "lms_cassandra_password_file":
            if value.text:
                table.add_row(*map(Text, ("the password", f"read from {value.text}", "that file, on the workers")))
            elif configuration.password_in_environment:
                table.add_row(*map(Text, ("the password", "****", f"environment {PASSWORD_VARIABLE}")))
    console.print(table)
