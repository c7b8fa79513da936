"""The settings of a run, resolved from options, environment, configuration file and defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.file import read_config_file
from pipeline.configuration.options import RUN, CommandLine, Page, parse_command_line
from pipeline.configuration.variables import (
    ENV_PLACEHOLDER,
    JOB_ENV,
    KAFKA_PASSWORD_VARIABLE,
    VARIABLES,
    KafkaSettings,
    Settings,
)
from transforms.logs import LogSettings
from transforms.settings import PASSWORD_VARIABLE, CassandraSettings, MergeSettings
from transforms.variables import Variable, fill

PASSWORDS = {"kafka.sasl": KAFKA_PASSWORD_VARIABLE, "lms-cassandra": PASSWORD_VARIABLE}
"""What the keys of a user and of the file with the password start with, and the variable that may have it."""


@dataclass(frozen=True, slots=True)
class Value:
    """The text of a variable, and where it came from."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """All variables as they were found, right or wrong.

    Attributes:
        values: the value of each variable, by its name, with {{env}} filled in.
        passwords_in_environment: which variables of the environment hold a password; their values are none of our
            business.
        command_line: the command line that this comes from.
        variables: those that the command needs; the others may be wrong.
        problems: a sentence for each thing that could not be read.
    """

    values: Mapping[str, Value]
    passwords_in_environment: frozenset[str]
    command_line: CommandLine
    variables: Sequence[Variable]
    problems: tuple[str, ...]

    def settings(self) -> Settings:
        """Returns the settings, or raises ConfigError with a sentence for everything that is wrong."""
        parsed = self.parse()
        return fill(
            Settings,
            parsed,
            kafka=fill(KafkaSettings, parsed),
            cassandra=fill(CassandraSettings, parsed),
            merge=fill(MergeSettings, parsed, log=fill(LogSettings, parsed)),
            beam_args=self.command_line.beam_args,
        )

    def parse(self) -> dict[str, Any]:
        """Returns the values of the variables that are needed, by option.

        Raises:
            ConfigError: with a sentence for everything that is wrong.
        """
        problems = list(self.problems)
        parsed: dict[str, Any] = {}
        for variable in self.variables:
            try:
                parsed[variable.option] = variable.parse(self._text(variable.name))
            except ValueError as e:
                problems.append(f"{self._found(variable.name)}: {e}.")
        problems += self._used_twice(parsed)
        groups = {variable.group for variable in self.variables}
        if "Kafka" in groups:
            problems += self._unfit_for_kafka()
        if "Cassandra" in groups:
            problems += self._unfit_for_cassandra()
        if problems:
            raise ConfigError("\n".join(problems))
        return parsed

    def _used_twice(self, parsed: Mapping[str, Any]) -> Iterator[str]:
        for kind in ("topic", "table"):
            named = [v for v in VARIABLES if v.option.endswith(f"_{kind}") and v.option in parsed]
            for one, other in combinations(named, 2):
                if parsed[one.option] == parsed[other.option]:
                    yield f"{self._found(one.name)}, and so is {other.name}: give each a {kind} of its own."

    def _unfit_for_kafka(self) -> Iterator[str]:
        switch = "kafka.security.protocol"
        protocol = self._text(switch).upper()
        yield from self._half_a_login("kafka.sasl")
        yield from self._half_a_certificate("kafka.ssl")
        if "SASL" not in protocol:
            yield from self._unused(["kafka.sasl.username"], switch, "SASL_SSL")
        elif not self._text("kafka.sasl.username"):
            yield f"{self._found(switch)} without a user: set kafka.sasl.username."
        if "SSL" not in protocol:
            yield from self._unused(_tls_files("kafka.ssl"), switch, "SASL_SSL or SSL")

    def _unfit_for_cassandra(self) -> Iterator[str]:
        yield from self._half_a_login("lms-cassandra")
        yield from self._half_a_certificate("lms-cassandra.ssl")
        if self._text("lms-cassandra.ssl.enabled").lower() in {"off", "false"}:
            yield from self._unused(_tls_files("lms-cassandra.ssl"), "lms-cassandra.ssl.enabled", "on")

    def _half_a_login(self, service: str) -> Iterator[str]:
        username, file = f"{service}.username", f"{service}.password_file"
        source = None
        if self._text(file):
            source = f"{file} (from {self.values[file].origin})"
        elif PASSWORDS[service] in self.passwords_in_environment:
            source = f"the environment variable {PASSWORDS[service]}"
        if self._text(username) and source is None:
            yield (
                f"{self._found(username)} without a password: "
                f"set {file} or the environment variable {PASSWORDS[service]}."
            )
        if source is not None and not self._text(username):
            yield f"{username} is not set, but {source} is: set both or neither."

    def _half_a_certificate(self, service: str) -> Iterator[str]:
        _, *pair = _tls_files(service)
        for one, other in (pair, reversed(pair)):
            if self._text(one) and not self._text(other):
                yield f"{self._found(one)} without {other}: set both or neither."

    def _unused(self, names: Sequence[str], switch: str, needed: str) -> Iterator[str]:
        if given := [name for name in names if self._text(name)]:
            found = self._found(switch)
            yield f"{' and '.join(given)} cannot be used, since {found}: set that to {needed}."

    def _found(self, name: str) -> str:
        value = self.values[name]
        return f"{name} is {value.text!r} (from {value.origin})"

    def _text(self, name: str) -> str:
        return self.values[name].text


def _tls_files(service: str) -> list[str]:
    return [f"{service}.{file}" for file in ("ca_file", "certificate_file", "key_file")]


def resolve(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Returns the settings that `argv` and `environ` give, or raises ConfigError with all that is wrong."""
    return read_configuration(argv, environ).settings()


def read_configuration(argv: Sequence[str], environ: Mapping[str, str], page: Page = RUN) -> Configuration:
    """Finds the value of each variable; only `Configuration.parse` and `settings` check them.

    Args:
        argv: the command line.
        environ: the environment.
        page: what the command takes.

    Raises:
        ConfigError: if the command line cannot be read at all.
    """
    command_line = parse_command_line(argv, page)
    config_file = command_line.options.config_file
    problems = list(command_line.problems)
    in_file: Mapping[str, str] = {}
    if config_file is not None:
        try:
            keys = [variable.key for variable in VARIABLES if variable.key is not None]
            in_file = read_config_file(config_file, keys, environ)
        except ConfigError as e:
            problems.append(str(e))

    def find(variable: Variable) -> Value:
        for given, name, kind in (
            (command_line.given, variable.option, "option --"),
            (environ, variable.environment, "environment "),
            (in_file, variable.key, f"file {config_file}"),
        ):
            if name is not None and name in given:
                return Value(given[name].strip(), kind if given is in_file else kind + name)
        return Value(variable.default, "default")

    env = find(JOB_ENV).text
    found = {variable.name: find(variable) for variable in VARIABLES}
    return Configuration(
        values={n: Value(v.text.replace(ENV_PLACEHOLDER, env), v.origin) for n, v in found.items()},
        passwords_in_environment=frozenset(v for v in PASSWORDS.values() if environ.get(v)),
        command_line=command_line,
        variables=page.variables,
        problems=tuple(problems),
    )
