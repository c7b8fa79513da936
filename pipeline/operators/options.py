"""The options that the operators' commands share: the job's own, and how the answer is put out."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.configuration.options import Page
from pipeline.configuration.settings import read_configuration
from pipeline.configuration.variables import JOB_ENV, KAFKA_CLIENT, VARIABLES, KafkaSettings
from transforms.logs import LogSettings
from transforms.settings import CassandraSettings, MergeSettings
from transforms.variables import fill

EXIT_CODES = """\
exit codes: 0 yes or done, 1 answered, but no, 2 wrong configuration, 3 a service failed before
the answer was whole, 130 interrupted"""

_OF_TABLES = ("Cassandra", "Merge", "Log")


@dataclass(frozen=True, slots=True)
class Output:
    """How an answer is put out.

    Attributes:
        format: table, json, or another that the command has.
        file: the file to write; None for stdout.
    """

    format: str
    file: str | None


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """What a command line says.

    Attributes:
        given: the command's own options, as text.
        output: how the answer is put out.
        cassandra: where the tables are.
        merge: how the job merges.
        kafka: where its topics are; None unless the command asks for it.
    """

    given: argparse.Namespace
    output: Output
    cassandra: CassandraSettings
    merge: MergeSettings
    kafka: KafkaSettings | None


def account(text: str) -> str:
    """An account's id; raises what argparse makes a refusal of where it is blank."""
    if not text.strip():
        msg = "give the id of an account"
        raise argparse.ArgumentTypeError(msg)
    return text


def read_options(
    page: Page,
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    formats: Sequence[str] = ("table", "json"),
    kafka: bool = False,
) -> OperatorOptions:
    """Read the command line, the environment and the configuration file; `--help` prints the help and exits.

    Args:
        page: what the command takes beside the variables and the options of the output; it gets the exit codes.
        argv: the command line.
        environ: the environment.
        formats: those of the answer, of which the first is the default.
        kafka: whether the command needs Kafka too.

    Raises:
        ConfigError: with a sentence for everything that is wrong.
    """

    def add_options(parser: argparse.ArgumentParser) -> None:
        page.add_options(parser)
        group = parser.add_argument_group("Output")
        help_text = f"how to put out the answer (default: {formats[0]})"
        group.add_argument("--format", choices=formats, default=formats[0], help=help_text)
        group.add_argument("--output", metavar="FILE", help="the file to write it to, in place of stdout")

    of_tables = (variable for variable in VARIABLES if variable.group in _OF_TABLES)
    whole = dataclasses.replace(
        page,
        examples=f"{page.examples}\n\n{EXIT_CODES}",
        add_options=add_options,
        variables=(JOB_ENV, *(KAFKA_CLIENT if kafka else ()), *of_tables),
    )
    configuration = read_configuration(argv, environ, whole)
    parsed = configuration.parse()
    given = configuration.command_line.options
    return OperatorOptions(
        given=given,
        output=Output(given.format, given.output),
        cassandra=fill(CassandraSettings, parsed),
        merge=fill(MergeSettings, parsed, log=fill(LogSettings, parsed)),
        kafka=fill(KafkaSettings, parsed) if kafka else None,
    )
