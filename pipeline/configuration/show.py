"""Shows the configuration: each variable, its value and where it came from."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.configuration.settings import PASSWORDS, Configuration
from pipeline.configuration.variables import VARIABLES

_READERS = {
    "batch-enrolment-sync": "At release 8.1 nobody takes batch-enrolment-sync: the requests are a record.",
    "user-enrolment-sync": "The enrolment-reconciliation job takes user-enrolment-sync, from its own topic.",
}


def readers_of_requests(action: str) -> str:
    """Who takes sync requests with this action (README, "Configuration")."""
    known = _READERS.get(action, f"Nothing of the platform is known to take {action}.")
    return f"{known} Later releases recompute progress by themselves, and read no requests."


def print_config(configuration: Configuration, console: Console) -> None:
    """Shows each variable, its value and where it came from, of passwords where they are; who takes requests."""
    table = Table("variable", "value", "from", highlight=False)
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = True
    for _, variables in groupby(VARIABLES, key=lambda variable: variable.group):
        table.add_section()
        for variable in variables:
            value = configuration.values[variable.name]
            rows = [(variable.name, value.text, value.origin)]
            service, _, name = variable.name.rpartition(".")
            if name == "password_file" and value.text:
                rows.append(("the password", f"read from {value.text}", "that file, where it is used"))
            elif name == "password_file" and PASSWORDS[service] in configuration.passwords_in_environment:
                rows.append(("the password", "****", f"environment {PASSWORDS[service]}"))
            for row in rows:
                table.add_row(*map(Text, row))
    console.print(table)
    action = configuration.values["course.batch.updater.action"].text
    console.print(readers_of_requests(action), highlight=False)
