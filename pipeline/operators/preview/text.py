"""A preview on a terminal: the accounts side by side, what changes by course, and the sums last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.operators.answers import WIDTH
from pipeline.operators.details import Detail, details, read_as, row_name, told
from pipeline.operators.preview.preview import Preview
from pipeline.printable import printable
from transforms.rules.changes import Change

_INDENT = 6
"""Where the columns of a row begin."""

_NAMES = 44
"""A name that is longer has its value below."""


@dataclass(frozen=True, slots=True)
class PreviewAnswer:
    """A preview as it is put out; `full` shows unchanged columns too."""

    preview: Preview
    full: bool

    def fields(self) -> Mapping[str, Any]:
        """It for JSON."""
        return self.preview.fields(full=self.full)

    def tables(self) -> Iterable[RenderableType]:
        """It for a terminal."""
        preview = self.preview
        from_, to = printable(preview.from_account.id), printable(preview.to_account.id)
        yield Text("What this merge would do; nothing is written.", "bold")
        yield Text(f"  from  {from_}\n  to    {to}")
        if preview.course is not None:
            yield Text(f"Only of course {printable(preview.course)}.")
        yield Text()
        yield _side_by_side(preview)
        yield from (Padding(Text(f"! {printable(note)}", "yellow"), (1, 0, 0, 0)) for note in preview.notes())
        for course, tables in preview.by_course().items():
            yield Text(f"\nCourse {printable(course)}", "bold")
            for table, changes in tables.items():
                yield Text.assemble((f"  {changes[0].kind}", "cyan"), f" ({table})")
                yield from (self._row(change) for change in changes)
        yield from self._followed_by()
        yield Text("\nIn all", "bold")
        yield _sums(preview)
        yield Text()
        yield _side_by_side(preview)

    def _row(self, change: Change) -> RenderableType:
        values = [(detail.name, _value(detail, change, self.preview.asked_at)) for detail in details(change)]
        if self.full:
            for column, value in change.unchanged.items():
                values.append((printable(column), Text(f"{read_as(value)} (unchanged)", "dim")))
        elif change.unchanged:
            values.append((f"{len(change.unchanged)} unchanged", Text()))
        mark, style = ("+", "green") if change.copied else ("~", "yellow")
        name = Padding(Text(f"{mark} {row_name(change)}", style), (0, 0, 0, 2))
        return Group(name, *(Padding(line, (0, 0, 0, _INDENT)) for line in _lines(values)))

    def _followed_by(self) -> Iterator[RenderableType]:
        preview = self.preview
        yield Text("\nSync requests", "bold")
        for course, batch in preview.requests:
            yield Text(f"  {printable(course)} {printable(batch)}")
        if not preview.requests:
            yield Text("  none")
        yield Text("\nFollow-ups", "bold")
        for into in preview.follow_ups:
            yield Text(f"  {printable(preview.to_account.id)} → {printable(into)}")
        if not preview.follow_ups:
            yield Text("  none")


def _lines(told: list[tuple[str, Text]]) -> Iterator[RenderableType]:
    """Names and values, in two columns where a value fits beside its name, else below it: no word is broken."""
    aligned = max((len(name) for name, _ in told if len(name) <= _NAMES), default=0)
    before = ""
    for name, value in told:
        shown = name if name != before else ""
        if len(name) <= aligned and aligned + 2 + value.cell_len <= WIDTH - _INDENT:
            yield Text.assemble(shown.ljust(aligned + 2), value)
        else:
            if shown:
                yield Text(shown)
            yield Padding(value, (0, 0, 0, 2))
        before = name


def _side_by_side(preview: Preview) -> Table:
    table = Table("", "from", "to", box=None, padding=(0, 2, 0, 0), show_edge=False)
    for name, of_from, of_to in preview.side_by_side():
        table.add_row(name, read_as(of_from), read_as(of_to))
    return table


def _sums(preview: Preview) -> RenderableType:
    counts = preview.counts()
    if not counts:
        return Text("  nothing changes")
    table = Table("table", box=None, padding=(0, 2, 0, 2), show_edge=False)
    for heading in ("rows copied", "rows changed"):
        table.add_column(heading, justify="right")
    for name, copied, changed in counts:
        table.add_row(name, f"{copied:,}", f"{changed:,}")
    return table


def _value(detail: Detail, change: Change, asked_at: datetime) -> Text:
    """A value that is new, or the old one and the new."""
    new = told(detail, asked_at)
    if detail.is_item:
        return Text(f"- {read_as(detail.old)}", "red") if detail.new is None else Text(f"+ {new}", "green")
    if change.copied:
        return Text(new, "green")
    return Text.assemble(f"{read_as(detail.old)} → ", (new, "green"))
