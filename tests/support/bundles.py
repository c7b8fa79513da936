"""Bundles of events for a stage as a worker has it, without a pipeline."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from apache_beam.pvalue import TaggedOutput
from apache_beam.utils.timestamp import Timestamp

from faults.events import event
from transforms.log_merge import LogMergeFn
from transforms.settings import CassandraSettings, MergeSettings

MERGE = MergeSettings(
    merge_ledger=True,
    course_date_format="yyyy-MM-dd HH:mm:ss:SSSZ",
    course_batch_updater_action="batch-enrolment-sync",
    history_ttl_days=730,
)


class LogMerges:
    """A worker's LogMerge, by the bundle."""

    def __init__(self, cassandra: CassandraSettings) -> None:
        self._fn = LogMergeFn(cassandra, MERGE)
        self._fn.setup()

    def bundle(self, events: int) -> tuple[list[Any], float]:
        """Log events of as many accounts; returns the failures, and how many seconds it took."""
        begin = time.monotonic()
        for number in range(events):
            one = event(f"from-{uuid.uuid4()}", f"to-{number}")
            self._fn.process((one.to_account, one), Timestamp(0))
        outputs = [output for output in self._fn.finish_bundle() if isinstance(output, TaggedOutput)]
        return [output.value.value for output in outputs], time.monotonic() - begin

    def close(self) -> None:
        """Close its session, which in production ends with its process; else it logs into other tests."""
        self._fn._merging.store.close()


MakeLogMerges = Callable[[CassandraSettings], LogMerges]


def merges_again(log: LogMerges, within_s: float) -> None:
    """Log one event after the other until none fails."""
    deadline = time.monotonic() + within_s
    while log.bundle(1)[0]:
        assert time.monotonic() < deadline, f"it does not merge again within {within_s} s"
