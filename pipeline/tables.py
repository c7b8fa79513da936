"""The job's own tables: prints the statements that make them, or makes them."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib.resources import files

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.options import Page
from pipeline.configuration.settings import read_configuration
from pipeline.configuration.variables import JOB_ENV, VARIABLES
from transforms.settings import CassandraSettings
from transforms.store.own_tables import TablesError, make_tables
from transforms.variables import fill


def _add_options(parser: ArgumentParser) -> None:
    help_text = "make the tables that are not there, in place of printing how"
    parser.add_argument("--apply", action="store_true", help=help_text)


_PAGE = Page(
    "merge-user-courses tables",
    """\
Prints the statements that make the job's own tables, in the keyspace of the course tables, for
somebody who may run them; with --apply, makes those that are not there yet with the job's own
login, which then needs CREATE on the keyspace. To be done once before the job's first run.""",
    """\
examples:
  make them with the job's login:
    %(prog)s --config_file=job.conf --apply
  have them made by somebody else:
    %(prog)s --config_file=job.conf | cqlsh HOST -u admin

exit codes: 0 done, 2 they cannot be made""",
    _add_options,
    (JOB_ENV, *(variable for variable in VARIABLES if variable.group == "Cassandra")),
)


def main(argv: Sequence[str]) -> int:
    """Print or make the tables.

    Raises:
        ConfigError: if the configuration is wrong, or the tables cannot be made.
    """
    configuration = read_configuration(argv, os.environ, _PAGE)
    cassandra = fill(CassandraSettings, configuration.parse())
    text = files("pipeline").joinpath("merge_tables.cql").read_text(encoding="utf-8")
    if not configuration.command_line.options.apply:
        print(f"USE {cassandra.keyspace};\n\n{text}", end="")
        return 0
    statements = dict(re.findall(r"^(?=CREATE TABLE IF NOT EXISTS (\w+))([^;]*)", text, re.MULTILINE))
    try:
        made = make_tables(cassandra, statements)
    except TablesError as e:
        raise ConfigError(str(e)) from e
    for name in statements:
        what = "is made" if name in made else "was there already"
        print(f"{name} {what} in keyspace {cassandra.keyspace}.")
    return 0
