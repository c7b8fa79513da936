"""The tables of docs/configuration.md, made from the variables: python -m tests.support.configuration_page"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from pipeline.configuration.variables import VARIABLES
from transforms.variables import Variable

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"

_TABLES = re.compile(r"(?<=<!-- variables -->\n).*(?=<!-- end of variables -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """Returns the page with the tables as they should be."""
    return _TABLES.sub(lambda _: _tables(), page)


def _tables() -> str:
    groups = groupby(VARIABLES, key=lambda variable: variable.group)
    return "".join(f"\n### {title}\n\n{_table(list(variables))}" for title, variables in groups) + "\n"


def _table(variables: list[Variable]) -> str:
    lines = ["| config key | option | environment | default | what it is |", "| --- | --- | --- | --- | --- |"]
    for variable in variables:
        default = f"`{variable.default}`" if variable.default else ""
        cells = (variable.key or "", f"`--{variable.option}`", variable.environment or "", default, variable.help)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
