"""AccountFn: the DoFn under every stage that uses Cassandra; it overlaps accounts, retries and measures."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.shared import Shared
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from transforms.account_lanes import AccountLanes
from transforms.course_tables import CourseTables
from transforms.plans import Plans
from transforms.requests import TRANSIENT_ERRORS
from transforms.rules.dates import TextDates
from transforms.settings import CassandraSettings, MergeSettings

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Done = TypeVar("Done")

_ACCOUNTS_AT_ONCE = 16
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 5.0

_shared_tables = Shared()
"""One Cassandra session for all stages of a worker process."""


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
    of Cassandra that may pass is retried with exponential backoff and jitter for `retry_seconds` (design.md, "When
    something is down"); any other is an outcome at once. All work of a bundle is finished within the bundle.
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
    async def work(self, plans: Plans, item: Item) -> Done:
        """Do the work, on the process's event loop; may be called again after an error that may pass."""

    @abstractmethod
    def outputs(self, outcome: Outcome[Item, Done]) -> Iterator[Any]:
        """The output elements for an outcome, on the bundle's thread, where metrics count."""

    def setup(self) -> None:
        """Take the process's tables, which connect at the first use."""
        settings, merge_ledger = self._cassandra, self._merge.merge_ledger
        tables: CourseTables = _shared_tables.acquire(
            lambda: CourseTables(settings, merge_ledger=merge_ledger), tag=(settings, merge_ledger)
        )
        self._plans = Plans(tables, TextDates(self._merge.course_date_format), merge_ledger)
        self._lanes: AccountLanes[tuple[Item, Timestamp], tuple[Outcome[Item, Done], Timestamp]] = AccountLanes(
            self._outcome, _ACCOUNTS_AT_ONCE
        )
        self._retrying = AsyncRetrying(
            retry=retry_if_exception_type(TRANSIENT_ERRORS),
            stop=stop_after_delay(self._cassandra.retry_seconds),
            wait=wait_random_exponential(multiplier=_FIRST_RETRY_S, max=_LONGEST_RETRY_S),
            reraise=True,
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
            done = await self._done(item)
        except TRANSIENT_ERRORS as e:
            error = f"Cassandra did not answer within {self._cassandra.retry_seconds:g} s: {_sentence(e)}"
        except Exception as e:
            # Whatever is wrong with one event must end in the failed topic, never stop the stream.
            _log.debug("The work failed", exc_info=True)
            error = _sentence(e)
        return Outcome(item, done, error, started_ms, time.time() * 1000), timestamp

    async def _done(self, item: Item) -> Done:
        """The work done; only an error makes the retrying, which costs as much as a request."""
        try:
            return await self.work(self._plans, item)
        except TRANSIENT_ERRORS:
            await asyncio.sleep(random.uniform(0, _FIRST_RETRY_S))  # noqa: S311 - jitter
        # A copy: what it knows of its attempts would be shared by all items that are retried at the same time.
        done: Done = await self._retrying.copy()(self.work, self._plans, item)
        return done


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")
