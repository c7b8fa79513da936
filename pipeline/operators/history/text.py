"""An account's merges on a terminal: a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from pipeline.operators.history.chains import AccountHistory, Link
from pipeline.printable import printable
from transforms.event_history import BEGAN, EVENT, FAILED
from transforms.rules.rows import Row

_STYLES = {FAILED: "red", BEGAN: "yellow"}
_BEGAN = "no outcome is known: it is under way, was interrupted, or is older than the history"


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """A history as it is put out."""

    history: AccountHistory

    def fields(self) -> Mapping[str, Any]:
        """It for JSON."""
        return {
            "account": self.history.account,
            "merged_into_it": [link.fields() for link in self.history.into_it],
            "merged_into_others": [link.fields() for link in self.history.out_of_it],
        }

    def tables(self) -> Iterable[RenderableType]:
        """It for a terminal."""
        tree = Tree(Text(printable(self.history.account), "bold"))
        for links, label, arrow in (
            (self.history.into_it, "merged into it", "←"),
            (self.history.out_of_it, "merged into others", "→"),
        ):
            if links:
                _add(tree.add(Text(label)), links, arrow)
        if not tree.children:
            tree.add(Text("no merge is known"))
        yield tree


def _add(tree: Tree, links: Iterable[Link], arrow: str) -> None:
    for link in links:
        outcome = link.merge.outcome
        label = Text(f"{arrow} {printable(link.other)}  ").append(outcome, _STYLES.get(outcome, "green"))
        branch = tree.add(label)
        if outcome == BEGAN:
            began = f"{_time(link.merge.began)} " if link.merge.began else ""
            branch.add(Text(f"{began}began, {printable(link.merge.mid or '-')}\n{_BEGAN}", "yellow"))
        for event in link.merge.events:
            branch.add(Text("\n".join(_lines(event))))
        if link.further:
            _add(branch, link.further, arrow)
        elif link.is_cut:
            branch.add(Text("…", "dim"))


def _lines(event: Row) -> Iterator[str]:
    by = "" if event["cause"] == EVENT else f" by a {event['cause']}"
    seconds = (event["ended_on"] - event["started_on"]).total_seconds()
    yield f"{_time(event['ended_on'])} {event['outcome']}{by} in {seconds:.1f} s"
    yield f"mid {printable(event['mid'] or '-')}"
    if event["path"]:
        yield f"path {printable(' → '.join(event['path']))}"
    written = [f"{table} {rows:,}" for table, rows in (event["rows_written"] or {}).items()]
    yield f"rows written: {', '.join(written) or 'none'}"
    yield f"sync requests {event['requests']:,}, follow-ups {event['followups']:,}"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}Z"
