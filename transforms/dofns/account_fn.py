"""AccountFn: the DoFn under every stage that uses Cassandra; it overlaps accounts, retries and measures."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.shared import Shared
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms import logs
from transforms.dofns.account_lanes import AccountLanes
from transforms.elements import Source
from transforms.rules.dates import TextDates
from transforms.settings import CassandraSettings, MergeSettings
from transforms.store.errors import StoreError, TransientError
from transforms.store.session import Store

_log = logging.getLogger(__name__)


class Sourced(Protocol):
    """What is worked on: an event, or what carries one."""

    @property
    def source(self) -> Source:
        """The record that carried the event."""


Item = TypeVar("Item", bound=Sourced)
Done = TypeVar("Done")

_ACCOUNTS_AT_ONCE = 16

_shared_store = Shared()
"""One session with Cassandra for all stages of a worker process."""


@dataclass(frozen=True, slots=True)
class Merging:
    """What merges need of the job.

    Attributes:
        store: the tables in Cassandra.
        dates: compares text dates.
        merge_ledger: whether each view is counted once, by the ledger.
    """

    store: Store
    dates: TextDates
    merge_ledger: bool


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Item, Done]):
    """What became of one item: `done`, or `error` in one sentence; times in ms since the epoch."""

    item: Item
    done: Done | None
    error: str | None
    started_ms: float
    ended_ms: float


class AccountFn(beam.DoFn, Generic[Item, Done]):
    """Does `work` on elements (to account, item), and yields what `outputs` makes of each outcome.

    Items of one account are done one at a time and in order, those of different accounts side by side. An error
    of Cassandra that may pass is retried until the outage has lasted for `retry_seconds`
    (transforms.store.outage), any other is an outcome at once. All work of a bundle is finished within the bundle.
    """

    def __init__(self, cassandra: CassandraSettings, merge: MergeSettings) -> None:
        """Keep the settings; connections are made on the worker.

        Args:
            cassandra: how to reach the tables.
            merge: whether the ledger is on.
        """
        self._cassandra = cassandra
        self._merge = merge

    @abstractmethod
    async def work(self, merging: Merging, item: Item) -> Done:
        """Do the work, on the process's event loop; may be called again after an error that may pass."""

    @abstractmethod
    def outputs(self, outcome: Outcome[Item, Done]) -> Iterator[Any]:
        """The output elements for an outcome, on the bundle's thread, where metrics count."""

    def setup(self) -> None:
        """Log as the configuration says, and take the process's store, which connects at the first use."""
        logs.apply(self._merge.log)
        settings = self._cassandra
        store: Store = _shared_store.acquire(lambda: Store(settings), tag=settings)
        self._merging = Merging(store, TextDates(self._merge.course_date_format), self._merge.merge_ledger)
        self._lanes: AccountLanes[tuple[Item, Timestamp], tuple[Outcome[Item, Done], Timestamp]] = AccountLanes(
            self._outcome, _ACCOUNTS_AT_ONCE
        )

    def process(self, element: tuple[str, Item], timestamp: Any = beam.DoFn.TimestampParam) -> None:
        """Put the item in its account's lane."""
        account, item = element
        self._lanes.submit(account, (item, timestamp))

    def finish_bundle(self) -> Iterator[WindowedValue | TaggedOutput]:
        """Wait for the bundle's work and yield its outputs."""
        for outcome, timestamp in self._lanes.results():
            for output in self.outputs(outcome):
                if isinstance(output, TaggedOutput):
                    yield TaggedOutput(output.tag, WindowedValue(output.value, timestamp, (GlobalWindow(),)))
                else:
                    yield WindowedValue(output, timestamp, (GlobalWindow(),))

    async def _outcome(self, submitted: tuple[Item, Timestamp]) -> tuple[Outcome[Item, Done], Timestamp]:
        item, timestamp = submitted
        started_ms = time.time() * 1000
        done: Done | None = None
        error: str | None = None
        try:
            done = await self._merging.store.run(lambda: self.work(self._merging, item))
        except TransientError as e:
            error = f"Cassandra did not answer within {self._cassandra.retry_seconds:g} s: {e}"
        except StoreError as e:
            error = str(e)
        except Exception as e:
            # Whatever is wrong with one event must end in the failed topic, never stop the stream.
            _log.warning("%s has failed unexpectedly.", item.source.id, exc_info=True)
            error = f"{type(e).__name__}: {e}".replace("\n", " ")
        return Outcome(item, done, error, started_ms, time.time() * 1000), timestamp
