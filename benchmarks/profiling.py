"""bench profile: where the Python of the job spends its time, as a flame graph."""

from __future__ import annotations

from pathlib import Path

from benchmarks.driver import connect
from benchmarks.loading import load
from benchmarks.measure import Sampler
from benchmarks.options import BenchOptions, on_flink
from benchmarks.pipeline_runs import PipelineRun, run_directly, run_on_flink
from benchmarks.plan import rows_per_event
from benchmarks.py_spy import PySpy
from benchmarks.services import running_services
from benchmarks.topics import events_of
from benchmarks.workload import Workload
from local.console import step
from local.settings import LocalSettings


def profile(shared: LocalSettings, options: BenchOptions, picture: Path) -> PipelineRun:
    """Merge a workload and sample the stacks of the Python process that merges.

    On DirectRunner from the first merge to the end of the command, on Flink, in the worker, from the publishing of
    the events until all are merged; what came before is warm-up.

    Raises:
        LocalError: if a service does not come up, the pipeline fails, or py-spy may not sample it.
    """
    workload = Workload(options.shape, options.seed)
    warm_up = options.warm_up if on_flink(options) else 0
    spy = PySpy(picture)
    with running_services(shared, flink=on_flink(options)) as services, connect(services.settings) as session:
        with step("Loading accounts", "The accounts are loaded"):
            load(session, workload.pairs("warm-up", warm_up))
            load(session, workload.pairs("pipeline", options.events))
        events, rows = events_of(workload.pairs("pipeline", options.events)), rows_per_event(workload)
        with Sampler(services.kinds) as sampler, step("Merging", "Everything is merged"):
            if on_flink(options):
                run = run_on_flink(
                    services,
                    sampler,
                    options,
                    events_of(workload.pairs("warm-up", warm_up)),
                    events,
                    (),
                    rows_per_event=rows,
                    spy=spy,
                )
            else:
                run = run_directly(services, session, sampler, options, events, rows_per_event=rows, spy=spy)
    return run
