"""How fast a job on Flink takes events, seen from outside."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from statistics import linear_regression

from faults.cluster import LocalCluster, is_drained, wait_until
from faults.job import Job

_EDGE_S = 4.0
"""At first each reader learns which partitions it has; at last one is done before the other."""


@dataclass(frozen=True)
class Taken:
    """What a job with a pace did.

    Attributes:
        events: how many were looked at.
        per_second: how many of these it took in a second.
        longest_checkpoint_s: how long a checkpoint took at most.
    """

    events: int
    per_second: float
    longest_checkpoint_s: float


def take(cluster: LocalCluster, job: Job, pace: float, seconds: float, *options: str) -> Taken:
    """Give a job the backlog of so many seconds at its pace, and see it through.

    The records are no events, so that each leaves at once for the failed topic, whose timestamps tell when. They
    come there by the bundle, so the pace is the slope of the line through all of them, from when each partition is
    being read until the first of them is at its end: before and after, a part of the pace is nobody's.
    """
    count = round(pace * (_EDGE_S + seconds + _EDGE_S))
    job.publish([b"{"] * count)
    job_id = cluster.submit(job, f"--merge_events_per_second={pace}", *options)
    wait_until(lambda: is_drained(job), timeout_s=4 * (_EDGE_S + seconds + _EDGE_S) + 60)
    times: dict[int, list[float]] = {}
    for record in job.records(job.failed_topic):
        partition = json.loads(record.value)["source"]["partition"]
        times.setdefault(partition, []).append(record.timestamp / 1000)
    assert sum(map(len, times.values())) == count
    began, ended = max(map(min, times.values())), min(map(max, times.values()))
    looked_at = sorted(time for of_partition in times.values() for time in of_partition if began <= time <= ended)
    with urllib.request.urlopen(f"{cluster.rest.url}/jobs/{job_id}/checkpoints", timeout=30) as answer:
        longest_ms = json.load(answer)["summary"]["end_to_end_duration"]["max"]
    slope = linear_regression(looked_at, range(len(looked_at))).slope
    return Taken(len(looked_at), slope, longest_ms / 1000)
