"""LogMerge: the merge log comes before any read of the event's tables (design.md, "Order does not matter")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BooleanCoder
from apache_beam.pvalue import DoOutputsTuple, PCollection, TaggedOutput
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from transforms.dofns.account_fn import AccountFn, Merging, Outcome
from transforms.dofns.outputs import declare_types
from transforms.elements import FailedEvent, MergeEvent
from transforms.format_failed_events import DATA_ERROR, FAILED
from transforms.settings import CassandraSettings, MergeSettings
from transforms.store.merge_log import MergeLog

# Never written: declaring state makes every runner partition the events by to account and keep those of one
# account on one worker, in order; the merges, which run in the same stage, inherit both.
_PARTITION = ReadModifyWriteStateSpec("partition", BooleanCoder())


class LogMergeFn(AccountFn[MergeEvent, None]):
    """Writes the log row of one event; elements as of LogMerge."""

    def process(
        self,
        element: tuple[str, MergeEvent],
        timestamp: Any = beam.DoFn.TimestampParam,
        partition: Any = beam.DoFn.StateParam(_PARTITION),
    ) -> None:
        """Put the event in its to account's lane."""
        super().process(element, timestamp)

    async def work(self, merging: Merging, item: MergeEvent) -> None:
        """Write the row, unless the ledger is off or a follow-up's row is there already.

        A follow-up leaves the row of the original event alone: the mids of later follow-ups are derived from
        the row's, and must not differ from one repeat to the next.
        """
        if not merging.merge_ledger:
            return
        log = await merging.store.table(MergeLog)
        if item.path and await log.has(item.from_account, item.to_account):
            return
        await log.write(item.from_account, item.to_account, item.mid)

    def outputs(self, outcome: Outcome[MergeEvent, None]) -> Iterator[tuple[str, MergeEvent] | TaggedOutput]:
        """The event, keyed as it came, or its failure tagged `failed`."""
        event = outcome.item
        if outcome.error is None:
            yield event.to_account, event
        else:
            error = f"The merge log could not be written: {outcome.error}"
            yield TaggedOutput(FAILED, FailedEvent(DATA_ERROR, error, event.source, event.original))


@beam.typehints.with_input_types(tuple[str, MergeEvent])
class LogMerge(beam.PTransform):
    """(to account, MergeEvent) to the same, once the merge log has the event's pair of accounts.

    Idempotent: a repeated event writes the same row. Outputs: main, (to account, MergeEvent); `failed`,
    FailedEvent with DATA_ERROR.
    """

    def __init__(self, cassandra: CassandraSettings, merge: MergeSettings) -> None:
        """Take the settings of the job."""
        super().__init__()
        self._fn = LogMergeFn(cassandra, merge)

    def expand(self, events: PCollection) -> DoOutputsTuple:
        """Wire the DoFn and its tagged output."""
        outputs = events | beam.ParDo(self._fn).with_outputs(FAILED, main="logged")
        return declare_types(outputs, logged=tuple[str, MergeEvent], failed=FailedEvent)
