"""What a merge needs, for commands that plan merges and write none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pipeline.open_store import open_store
from pipeline.operators.options import OperatorOptions
from transforms.dofns.account_fn import Merging
from transforms.rules.dates import TextDates
from transforms.store.event_loop import wait_for

Result = TypeVar("Result")


@contextmanager
def open_merging(options: OperatorOptions) -> Iterator[Merging]:
    """The tables and rules as the job has them, until the end of the block.

    Raises:
        ServiceError: if Cassandra does not answer.
        ConfigError: if it refuses the credentials or TLS, or lacks a table.
    """
    merge = options.merge
    with open_store(options.cassandra, merge) as store:
        yield Merging(store, TextDates(merge.course_date_format), merge.merge_ledger)


def ask(merging: Merging, work: Callable[[], Awaitable[Result]]) -> Result:
    """Do reading work on the store's event loop, again after an error that may pass, as the job does.

    Raises:
        StoreError: if Cassandra fails for good, or for as long as an outage is waited for.
    """

    async def done() -> Result:
        return await merging.store.run(work)

    return wait_for(done())
