"""When an error may come from a change of the schema."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hamcrest import assert_that, calling, equal_to, less_than, raises

from transforms.store import schema_changes
from transforms.store.errors import StoreError
from transforms.store.event_loop import wait_for
from transforms.store.outage import Outage
from transforms.store.schema_changes import SchemaChanges


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_changes, "_AGREEMENT_S", 0.3)
    monkeypatch.setattr(schema_changes, "_LOOKS_AFTER_S", (0.0, 0.02, 0.04))
    monkeypatch.setattr(schema_changes, "_LONGEST_PAUSE_S", 0.05)


class Nodes:
    """A schema that work fails by until it was tried so often, and what each look at it says."""

    def __init__(self, failures: int, looks: Iterator[bool | StoreError]) -> None:
        self.left, self.looks, self._said = failures, 0, looks

    def look(self) -> bool:
        self.looks += 1
        said = next(self._said)
        if isinstance(said, StoreError):
            raise said
        return said

    async def work(self) -> str:
        await asyncio.sleep(0.001)
        if self.left:
            self.left -= 1
            message = "InvalidRequest: Undefined column name"
            raise StoreError(message)
        return "done"


def looks(*said: bool | StoreError) -> Iterator[bool | StoreError]:
    yield from said
    while True:
        yield False


def run(nodes: Nodes, *, changes: SchemaChanges | None = None) -> str:
    return wait_for((changes or SchemaChanges(Outage(1), nodes.look)).retry(nodes.work))


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        (1, looks(True)),
        (1, looks(False, False, True)),  # the node that the driver asks knows of it last
        (4, looks(True)),  # others know of it later still
        (3, looks(StoreError("the nodes do not agree"), StoreError("nor now"), True)),
    ],
    ids=["known", "known late", "not known everywhere", "not agreed upon"],
)
def test_work_is_done_again_until_the_nodes_agree(failures: int, said: Iterator[bool | StoreError]) -> None:
    assert_that(run(Nodes(failures, said)), equal_to("done"))


def test_work_that_began_before_the_change_was_noted_is_done_again_without_a_look() -> None:
    nodes = Nodes(1, looks())
    changes = SchemaChanges(Outage(1), nodes.look)

    async def noted_meanwhile() -> str:
        done = asyncio.ensure_future(changes.retry(nodes.work))
        await asyncio.sleep(0)
        changes.note()
        return await done

    assert_that(wait_for(noted_meanwhile()), equal_to("done"))
    assert_that(nodes.looks, equal_to(0))


def failing(nodes: Nodes, changes: SchemaChanges) -> Callable[[], str]:
    return calling(lambda: run(nodes, changes=changes))


def test_an_error_for_another_reason_is_raised_and_soon_without_waiting() -> None:
    nodes = Nodes(10, looks())
    changes = SchemaChanges(Outage(1), nodes.look)
    assert_that(failing(nodes, changes), raises(StoreError, "Undefined"))
    assert_that(nodes.looks, equal_to(3))
    assert_that(failing(nodes, changes), raises(StoreError, "Undefined"))
    assert_that(nodes.looks, equal_to(4))


def test_work_that_goes_on_failing_after_a_change_is_given_up() -> None:
    nodes = Nodes(1_000, looks(True))
    assert_that(failing(nodes, SchemaChanges(Outage(1), nodes.look)), raises(StoreError, "Undefined"))
    assert_that(1_000 - nodes.left, less_than(21))
