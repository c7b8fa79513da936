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


KAFKA_PASSWORD_VARIABLE = "KAFKA_SASL_PASSWORD"  # noqa: S105 - the name of the variable, not a password

_NAMED = {variable.name: variable for variable in VARIABLES}
_LOGINS = {"kafka.sasl": KAFKA_PASSWORD_VARIABLE, "lms-cassandra": PASSWORD_VARIABLE}
"""What the keys of a user and of the file with the password start with, and the variable of the password."""
_TLS_FILES = ("ca_file", "certificate_file", "key_file")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where events are read and where results are written; says where secrets are, and holds none."""

    broker_servers: str
    input_topic: str
    failed_topic: str
    group_id: str
    sync_topic: str
    expansion_service_jar: str | None
    security_protocol: str
    sasl_mechanism: str
    sasl_username: str | None
    sasl_password_file: str | None
    ssl_ca_file: str | None
    ssl_certificate_file: str | None
    ssl_key_file: str | None

    @property
    def logs_in(self) -> bool:
        """Whether connections log in, with SASL."""
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")


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
        passwords_in_environment: which variables of the environment hold a password; their values are none of our
            business.
        command_line: the command line that this comes from.
        problems: a sentence for each thing that could not be read.
    """

    values: Mapping[str, Value]
    passwords_in_environment: frozenset[str]
    command_line: CommandLine
    problems: tuple[str, ...]

    def settings(self) -> Settings:
        """Returns the settings, or raises ConfigError with a sentence for everything that is wrong."""
        parsed = self.parse(VARIABLES, (*self.problems_of_kafka(), *self._problems_of_cassandra()))
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
                ssl_enabled=parsed["lms_cassandra_ssl_enabled"],
                ssl_ca_file=parsed["lms_cassandra_ssl_ca_file"],
                ssl_certificate_file=parsed["lms_cassandra_ssl_certificate_file"],
                ssl_key_file=parsed["lms_cassandra_ssl_key_file"],
                ssl_hostname_verification=parsed["lms_cassandra_ssl_hostname_verification"],
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

    def problems_of_kafka(self) -> Iterator[str]:
        """A sentence for each variable of how to connect to Kafka that does not fit the others."""
        yield from self._half_a_login("kafka.sasl")
        yield from self._half_a_certificate("kafka.ssl")
        protocol = self._text("kafka.security.protocol").upper()
        if "SASL" not in protocol:
            yield from self._unused("kafka.security.protocol", "SASL_SSL", ["kafka.sasl.username"])
        elif not self._text("kafka.sasl.username"):
            yield f"{self._found(_NAMED['kafka.security.protocol'])} without a user: set kafka.sasl.username."
        if "SSL" not in protocol:
            files = [f"kafka.ssl.{file}" for file in _TLS_FILES]
            yield from self._unused("kafka.security.protocol", "SASL_SSL or SSL", files)

    def _problems_of_cassandra(self) -> Iterator[str]:
        yield from self._half_a_login("lms-cassandra")
        yield from self._half_a_certificate("lms-cassandra.ssl")
        if self._text("lms-cassandra.ssl.enabled").lower() in {"off", "false"}:
            files = [f"lms-cassandra.ssl.{file}" for file in _TLS_FILES]
            yield from self._unused("lms-cassandra.ssl.enabled", "on", files)

    def _half_a_login(self, service: str) -> Iterator[str]:
        password_variable = _LOGINS[service]
        username, password_file = self._text(f"{service}.username"), self._text(f"{service}.password_file")
        in_environment = password_variable in self.passwords_in_environment
        if username and not (password_file or in_environment):
            yield (
                f"{self._found(_NAMED[f'{service}.username'])} without a password: "
                f"set {service}.password_file or the environment variable {password_variable}."
            )
        if not username and (password_file or in_environment):
            source = (
                f"{service}.password_file (from {self._value(f'{service}.password_file').origin})"
                if password_file
                else f"the environment variable {password_variable}"
            )
            yield f"{service}.username is not set, but {source} is: set both or neither."

    def _half_a_certificate(self, service: str) -> Iterator[str]:
        names = {f"{service}.certificate_file", f"{service}.key_file"}
        given = {name for name in names if self._text(name)}
        if len(given) == 1:
            (one,), (other,) = given, names - given
            yield f"{self._found(_NAMED[one])} without {other}: set both or neither."

    def _unused(self, switch: str, needed: str, names: Sequence[str]) -> Iterator[str]:
        if given := [name for name in names if self._text(name)]:
            found = self._found(_NAMED[switch])
            yield f"{' and '.join(given)} cannot be used, since {found}: set that to {needed}."

    def _value(self, name: str) -> Value:
        return self.values[_NAMED[name].option]

    def _text(self, name: str) -> str:
        return self._value(name).text


def kafka_settings(parsed: Mapping[str, Any]) -> KafkaSettings:
    """Returns the settings of Kafka; what runs no pipeline parses no expansion service."""
    return KafkaSettings(
        broker_servers=parsed["kafka_broker_servers"],
        input_topic=parsed["kafka_input_topic"],
        failed_topic=parsed["kafka_output_failed_topic"],
        group_id=parsed["kafka_groupId"],
        sync_topic=parsed["kafka_output_course_batch_updater_topic"],
        expansion_service_jar=parsed.get("kafka_expansion_service_jar"),
        security_protocol=parsed["kafka_security_protocol"],
        sasl_mechanism=parsed["kafka_sasl_mechanism"],
        sasl_username=parsed["kafka_sasl_username"],
        sasl_password_file=parsed["kafka_sasl_password_file"],
        ssl_ca_file=parsed["kafka_ssl_ca_file"],
        ssl_certificate_file=parsed["kafka_ssl_certificate_file"],
        ssl_key_file=parsed["kafka_ssl_key_file"],
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
        passwords_in_environment=frozenset(v for v in _LOGINS.values() if environ.get(v)),
        command_line=command_line,
        problems=tuple(problems),
    )


def print_config(configuration: Configuration, console: Console) -> None:
    """Shows each variable, its value and where it came from; of passwords only where they are."""
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
        service, _, name = variable.name.rpartition(".")
        if name == "password_file":
            if value.text:
                table.add_row(
                    *map(Text, ("the password", f"read from {value.text}", "that file, where it is used"))
                )
            elif _LOGINS[service] in configuration.passwords_in_environment:
                table.add_row(*map(Text, ("the password", "****", f"environment {_LOGINS[service]}")))
    console.print(table)
