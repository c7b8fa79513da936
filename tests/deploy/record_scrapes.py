"""Records what Prometheus scrapes while a real job fares well and ill: `python -m tests.deploy.record_scrapes`.

The scrapes are what tests/deploy/test_alerts.py lays on its time lines. Only series that a rule or the dashboard
looks at are kept. Flink's are its own; there is no Kafka exporter beside the tests, so its series are made of what
the broker answers.
"""

from __future__ import annotations

import time

from faults.cluster import LocalCluster, wait_until
from faults.events import message
from faults.job import Job
from faults.memory_tables import ACTIVITY_AGG
from local import schema
from tests.deploy.monitoring import SCRAPES, names_looked_at, relabelings
from tests.support.own_cluster import own_cluster
from tests.support.scrapes import relabelled, scrape_flink, scrape_kafka, text

_ENV = "dev"
_RETRY_S = 5


def main() -> None:
    """Run a job through everything that the alerts are about, and scrape after each."""
    with own_cluster("record") as (cluster, session):
        schema.apply(session, _ENV)
        _record(cluster, Job(cluster.settings, session, _ENV, 2, []))


def _record(cluster: LocalCluster, job: Job) -> None:
    def submit() -> None:
        cluster.submit(job, "--parallelism=2", f"--cassandra_retry_seconds={_RETRY_S}")

    def merged(count: int) -> None:
        wait_until(lambda: job.lag() == 0 and len(job.failed()) >= count)

    submit()
    job.publish([message(f"from-{i}", f"to-{i}") for i in range(20)] + [b"{"])
    merged(1)
    _keep(cluster, job, "running")
    job.publish([message(f"from-{i}", f"to-{i}") for i in range(40)])
    merged(1)
    _keep(cluster, job, "running-on")

    create = job.session.cluster.metadata.keyspaces[_ENV].tables[ACTIVITY_AGG].as_cql_query()
    job.session.execute(f"DROP TABLE {ACTIVITY_AGG}")
    job.publish([message("a", "b"), message("c", "d")])
    merged(3)
    _keep(cluster, job, "failed")
    job.session.execute(create)
    assert job.replay().exit_code == 0
    merged(3)
    _keep(cluster, job, "replayed")

    cluster.services["Cassandra"].kill()
    job.publish([message(f"from-{i}", f"to-{i}") for i in range(4)])
    merged(7)
    _keep(cluster, job, "outage")
    cluster.services["Cassandra"].start()
    cluster.services["Cassandra"].wait_ready()
    assert job.replay().exit_code == 0
    merged(7)
    _keep(cluster, job, "outage-over")

    job.add_partitions(3)
    job.publish([message("from-1", "to-1")] * 3, partition=2)
    _keep(cluster, job, "partition-added")

    cluster.cancel_jobs()
    job.publish([message(f"from-{i}", f"to-{i}") for i in range(6)], partition=0)
    _keep(cluster, job, "stopped")
    submit()
    merged(7)
    _keep(cluster, job, "submitted-again")


def _keep(cluster: LocalCluster, job: Job, name: str) -> None:
    wanted, rules = names_looked_at(), relabelings()
    # The metrics of a bundle come with its end, and what the reporter shows is of the last seconds.
    time.sleep(6)
    samples = [*scrape_flink(cluster), *scrape_kafka(job)]
    (SCRAPES / f"{name}.prom").write_text(
        text(sample for sample in samples if any(kept.name in wanted for kept in relabelled([sample], rules)))
    )


if __name__ == "__main__":
    main()
