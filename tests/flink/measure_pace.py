"""Measures how well jobs keep to their pace over 30 s: `python -m tests.flink.measure_pace`."""

from __future__ import annotations

import uuid

from rich.console import Console
from rich.table import Table

from faults.job import Job
from local import schema
from tests.support.own_cluster import own_cluster
from tests.support.paces import take

_SECONDS = 30
_PACES = ((10, 4, 2), (50, 3, 2))
"""Events a second, partitions, parallelism."""


def main() -> None:
    """Print a table."""
    table = Table("pace", "partitions", "parallelism", "events", "taken a second", "off", "longest checkpoint")
    with own_cluster("pace") as (cluster, session):
        for pace, partitions, parallelism in _PACES:
            env = f"p{uuid.uuid4().hex[:12]}"
            schema.apply(session, env)
            job = Job(cluster.settings, session, env, partitions, [])
            taken = take(cluster, job, pace, _SECONDS, f"--parallelism={parallelism}")
            cluster.cancel_jobs()
            cells = (
                f"{pace:,}",
                str(partitions),
                str(parallelism),
                f"{taken.events:,}",
                f"{taken.per_second:,.1f}",
            )
            table.add_row(*cells, f"{taken.per_second / pace - 1:+.1%}", f"{taken.longest_checkpoint_s:.1f} s")
    Console().print(table)


if __name__ == "__main__":
    main()
