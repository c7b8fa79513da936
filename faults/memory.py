"""What the servers that merge keep in memory."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil

from faults.cluster import LocalCluster
from local.services import java_program


def kept_mb(cluster: LocalCluster) -> float:
    """What is alive on the heaps of the TaskManagers, and what the Python workers and their pool have, in MB.

    A heap is collected first, since garbage says nothing; a worker that is started meanwhile may be left out.
    """
    heaps = [
        _live_bytes(server.pid) for name, server in cluster.services.items() if name.startswith("TaskManager")
    ]
    pool = psutil.Process(cluster.services["Worker-pool"].pid)
    workers = []
    for process in (pool, *pool.children(recursive=True)):
        try:
            workers.append(process.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return (sum(heaps) + sum(workers)) / 1e6


def _live_bytes(pid: int | None) -> int:
    jcmd = Path(java_program()).with_name("jcmd")
    histogram = subprocess.run(
        [jcmd, str(pid), "GC.class_histogram"], capture_output=True, text=True, check=True
    ).stdout
    total = next(line for line in reversed(histogram.splitlines()) if line.startswith("Total"))
    return int(total.split()[2])
