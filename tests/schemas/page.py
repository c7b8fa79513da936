"""The matrix of docs/schemas.md, made from the releases: python -m tests.schemas.page"""

from __future__ import annotations

import re

from local.settings import PROJECT
from tests.schemas.releases import RELEASES

PAGE = PROJECT / "docs" / "schemas.md"

_MATRIX = re.compile(r"(?<=<!-- matrix -->\n).*(?=<!-- end of matrix -->)", re.DOTALL)
_HEAD = "| tables | releases | what differs from the row above | what the job does |\n| --- | --- | --- | --- |"


def with_matrix(page: str) -> str:
    """Returns the page with the matrix as it should be."""
    rows = (f"| {each.name} | {each.platform} | {each.differs} | {each.merges} |" for each in RELEASES)
    return _MATRIX.sub(lambda _: "\n".join([_HEAD, *rows, ""]), page)


if __name__ == "__main__":
    PAGE.write_text(with_matrix(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
