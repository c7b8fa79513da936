"""A preview as a page of one file, which loads nothing and runs nothing (docs/decisions/0072)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import partial
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pipeline.operators.details import details, read_as, row_name, told
from pipeline.operators.preview.preview import Preview
from pipeline.printable import printable
from transforms.rules.changes import Change

_OPEN_ROWS = 200
"""Up to so many rows, the courses are open from the beginning."""


def preview_page(preview: Preview, *, full: bool) -> str:
    """The page.

    Args:
        preview: what is shown.
        full: whether the columns that stay as they are are shown too.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "details": details,
        "printable": printable,
        "read_as": read_as,
        "row_name": row_name,
        "told": partial(told, asked_at=preview.asked_at),
    }
    from_, to = preview.from_account, preview.to_account
    style = _text("page.css")
    page = environment.from_string(_text("page.html")).render(
        preview=preview,
        from_=from_,
        to=to,
        side_by_side=preview.side_by_side(),
        notes=preview.notes(),
        courses=preview.by_course(),
        counts=preview.counts(),
        sums=_sums,
        full=full,
        open=len(preview.changes) <= _OPEN_ROWS,
        style=Markup(style),  # noqa: S704 - our own file
        policy=_policy(style),
    )
    return page.lstrip()


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(style: str) -> str:
    """Nothing is loaded and nothing runs; the one style that there is is known by its digest."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _sums(tables: Mapping[str, list[Change]]) -> str:
    changes = [change for changes in tables.values() for change in changes]
    copied = sum(change.copied for change in changes)
    return f"{copied:,} copied, {len(changes) - copied:,} changed"
