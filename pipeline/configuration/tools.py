"""The command lines of commands that run no pipeline, and need some of the job's variables only."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from pipeline.configuration.options import (
    CommandLine,
    Page,
    Parser,
    add_options,
    given_variables,
)
from pipeline.configuration.refusals import no_such_option, refusals
from pipeline.configuration.settings import Configuration, find_values
from pipeline.configuration.variables import VARIABLES
from transforms.variables import Variable


def tool_parser(page: Page) -> Parser:
    """Returns a parser, for the command's own options."""
    return Parser(
        prog=page.prog,
        usage="%(prog)s [OPTION ...]",
        description=page.does,
        epilog=page.examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def read_tool(
    parser: Parser, variables: Sequence[Variable], noun: str, argv: Sequence[str], environ: Mapping[str, str]
) -> tuple[argparse.Namespace, Configuration]:
    """Reads the command line, the environment and the configuration file; `--help` prints the help and exits.

    Args:
        parser: has the command's own options; those of the variables are added.
        variables: what it needs of the job's, that of the environment's name among them.
        noun: what messages call the command.
        argv: the command line.
        environ: the environment.

    Returns:
        all options as they were given, and the configuration, of which only `variables` are to be parsed.

    Raises:
        ConfigError: if an option lacks its value.
    """
    add_options(parser.add_argument_group("Job"), variables)
    given, not_understood = parser.parse_known_args(argv)

    def advise(option: str) -> str:
        if option in {f"--{variable.option}" for variable in VARIABLES}:
            return f"{option} is an option of the job that {noun} has no use for: leave it out."
        return no_such_option(option, parser.options)

    command_line = CommandLine(
        given=given_variables(given, variables),
        config_file=given.config_file,
        problems=tuple(refusals(not_understood, advise)),
    )
    return given, find_values(command_line, environ)
