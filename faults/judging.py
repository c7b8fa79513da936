"""What the job's own judge, `verify`, says of the rows of merged accounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from faults.job import Job
from faults.keyspaces import Keyspace
from faults.memory_tables import DATES
from pipeline.operators.verify.judge import judge_counts, judge_rows
from pipeline.operators.verify.judgements import Finding
from transforms.dofns.account_fn import Merging
from transforms.store.event_loop import wait_for
from transforms.store.session import Store


def judged(job: Job, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """A sentence for each thing that is not as it should be, once each from account is merged into its to account.

    Its outcome in the history is no part of that: an outage may end a bundle between its merges and its history.
    """
    cassandra = Keyspace(job.session, job.services.cassandra_port).settings(hosts=job.hosts)
    store = Store(cassandra)
    try:
        return [str(finding) for finding in wait_for(_findings(store, sorted({*pairs})))]
    finally:
        store.close()


async def _findings(store: Store, pairs: Sequence[tuple[str, str]]) -> list[Finding]:
    merging = Merging(store, DATES, merge_ledger=True)
    found = []
    for from_account, to_account in pairs:
        found += await judge_rows(merging, from_account, to_account)
    for account in sorted({to_account for _, to_account in pairs}):
        found += await judge_counts(merging, account)
    return found
