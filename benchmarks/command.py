"""The command line of ./run_local.sh bench."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.bench import BenchResult, bench
from benchmarks.growth import SIZES, growth, growth_picture, growth_tables
from benchmarks.latency import latency
from benchmarks.options import DIRECT, FLINK, BenchOptions
from benchmarks.profiling import profile
from benchmarks.report import (
    bench_picture,
    bench_table,
    latency_picture,
    latency_table,
    result_file,
    write_json,
)
from benchmarks.workload import Shape
from local.console import console
from local.settings import LocalSettings

_QUICK_EVENTS = 200
_QUICK_BAR = 0.4
"""Quick runs gave 0.50 and more (docs/decisions/0030); to be raised as the pipeline gets faster."""

_EVENTS = {DIRECT: 1_000, FLINK: 6_000}
"""On Flink so many that Java compiling itself is little of it, as it is of a job that runs for months."""

_DEFAULT_SHAPE = Shape()


def main(settings: LocalSettings, argv: Sequence[str]) -> int:
    """Run a benchmark; returns the exit code: 0, or 1 where a bar is not reached.

    Args:
        settings: of the user; the services of the benchmark are others.
        argv: what follows `bench` on the command line.

    Raises:
        LocalError: if it cannot be run.
    """
    own, pipeline_options = _split(argv)
    match own:
        case ["growth", *own]:
            return _growth(settings, own)
        case ["profile", *own]:
            return _profile(settings, own, pipeline_options)
        case _:
            return _bench(settings, own, pipeline_options)


def _bench(settings: LocalSettings, argv: Sequence[str], pipeline_options: tuple[str, ...]) -> int:
    parser = _bench_parser()
    arguments = parser.parse_args(argv)
    if arguments.latency:
        return _latency(settings, parser, arguments, pipeline_options)
    options = _options(parser, arguments, pipeline_options)
    result = bench(settings, options)
    console.print(bench_table(result))
    path = result_file(settings.data_dir, f"bench-{options.runner.lower()}-p{options.parallelism}")
    console.print(f"Picture: {bench_picture(result, path)}", soft_wrap=True)
    console.print(f"Results: {write_json(path, result.as_json())}", soft_wrap=True)
    return _check(result, _QUICK_BAR if arguments.bar is None and arguments.quick else arguments.bar)


def _latency(
    settings: LocalSettings,
    parser: argparse.ArgumentParser,
    arguments: argparse.Namespace,
    pipeline_options: tuple[str, ...],
) -> int:
    if arguments.quick or arguments.runner == DIRECT:
        parser.error(f"only on {FLINK} is an event merged when it comes: leave out --quick and --runner")
    result = latency(settings, _options(parser, arguments, pipeline_options), arguments.rate)
    console.print(latency_table(result))
    path = result_file(settings.data_dir, f"latency-p{result.options.parallelism}")
    console.print(f"Picture: {latency_picture(result, path)}", soft_wrap=True)
    console.print(f"Results: {write_json(path, result.as_json())}", soft_wrap=True)
    if arguments.bar is None or result.ratio_to_floor <= arguments.bar:
        return 0
    console.print(
        f"An event that comes alone takes {result.ratio_to_floor:.1f} times as long as the floor takes for it, "
        f"more than the bar of {arguments.bar}.",
        style="red",
    )
    return 1


def _growth(settings: LocalSettings, argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="./run_local.sh bench growth",
        description="Measure what a row costs as accounts grow, and a merge as one account receives many.",
    )
    parser.add_argument("--sizes", type=_positive, nargs="+", default=SIZES, help="content rows of an account")
    parser.add_argument("--merges", type=_positive, default=1_000, help="into one account (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="another one gives other accounts of the same shape")
    arguments = parser.parse_args(argv)
    result = growth(settings, sizes=arguments.sizes, merges=arguments.merges, seed=arguments.seed)
    console.print(*growth_tables(result))
    path = result_file(settings.data_dir, "growth")
    console.print(f"Picture: {growth_picture(result, path)}", soft_wrap=True)
    console.print(f"Results: {write_json(path, result.as_json())}", soft_wrap=True)
    return 0


def _profile(settings: LocalSettings, argv: Sequence[str], pipeline_options: tuple[str, ...]) -> int:
    parser = _parser("profile", "Sample the stacks of the Python process that merges, with py-spy.")
    options = _options(parser, parser.parse_args(argv), pipeline_options)
    path = result_file(settings.data_dir, f"profile-{options.runner.lower()}")
    picture = path.with_name(f"{path.name}.svg")
    run = profile(settings, options, picture)
    console.print(f"{run.phase.events_per_s:.1f} events/s, while py-spy was looking.")
    console.print(f"Flame graph: {picture}", soft_wrap=True)
    return 0


def _check(result: BenchResult, bar: float | None) -> int:
    if bar is None or result.python_cpu_ratio_to_floor >= bar:
        return 0
    console.print(
        f"An event costs the floor {result.python_cpu_ratio_to_floor:.2f} of what it costs the pipeline in CPU of "
        f"Python, less than the bar of {bar}: see with ./run_local.sh bench profile what has become slower.",
        style="red",
    )
    return 1


def _split(argv: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The arguments before and behind --."""
    arguments = list(argv)
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], tuple(arguments[at + 1 :])


def _bench_parser() -> argparse.ArgumentParser:
    parser = _parser(
        "",
        "Measure the pipeline beside the floor (the same reads and writes by cassandra-driver alone) and the "
        "baseline (what the Scala job asks of Cassandra), on services of their own. Two other commands have "
        "options of their own: bench profile samples where the pipeline spends its time, and bench growth "
        "measures what a row costs as accounts grow.",
    )
    parser.add_argument("--quick", action="store_true", help="few events on DirectRunner, in under two minutes")
    parser.add_argument(
        "--paced-seconds", type=_positive, default=20, help="how long to measure the latency on Flink (default 20)"
    )
    parser.add_argument(
        "--latency",
        action="store_true",
        help="measure what one event waits where events come alone, beside a floor that takes one at a time, "
        "and what the job takes at rest",
    )
    parser.add_argument("--rate", type=float, default=5, help="events a second of --latency (default 5)")
    parser.add_argument("--baseline-events", type=_positive, help="events of the baseline (default a tenth)")
    parser.add_argument(
        "--bar",
        type=float,
        help="exit with 1 if Python's CPU an event, the floor's by the pipeline's, is less "
        f"(default with --quick {_QUICK_BAR}); with --latency, if the median is more times the floor's",
    )
    return parser


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    """The parser with the options that all commands have."""
    parser = argparse.ArgumentParser(
        prog=f"./run_local.sh bench {command}".strip(),
        description=description,
        epilog="Options behind -- are the pipeline's.",
    )
    parser.set_defaults(quick=False, paced_seconds=0, baseline_events=None)
    parser.add_argument("--runner", choices=(DIRECT, FLINK), help=f"default {FLINK}, with --quick {DIRECT}")
    parser.add_argument("--parallelism", type=_positive, default=1, help="of the job, and processes of the floor")
    parser.add_argument(
        "--nodes", type=int, default=1, choices=(1, 3), help="of Cassandra; of 3, each has all rows (default 1)"
    )
    parser.add_argument("--events", type=_positive, help="events of the pipeline, and of the floor")
    parser.add_argument("--seed", type=int, default=1, help="another one gives other accounts of the same shape")
    shape = parser.add_argument_group("sizes of the accounts")
    shape.add_argument("--enrolments", type=_positive, default=_DEFAULT_SHAPE.enrolments, help="of a from account")
    shape.add_argument("--contents", type=_positive, default=_DEFAULT_SHAPE.contents, help="of an enrolment")
    shape.add_argument("--shared", type=int, default=_DEFAULT_SHAPE.shared, help="enrolments that both have")
    shape.add_argument(
        "--own", type=int, default=_DEFAULT_SHAPE.own, help="enrolments that the to account alone has"
    )
    shape.add_argument(
        "--attempts", type=int, default=_DEFAULT_SHAPE.attempts, help="at the assessment of each (default 0)"
    )
    return parser


def _options(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace, pipeline_options: tuple[str, ...]
) -> BenchOptions:
    quick, runner = arguments.quick, arguments.runner
    runner = runner or (DIRECT if quick else FLINK)
    if runner == DIRECT and arguments.parallelism > 1:
        parser.error(f"{DIRECT} merges in one process; give --parallelism with --runner {FLINK}")
    events = arguments.events or (_QUICK_EVENTS if quick else _EVENTS[runner])
    try:
        shape = Shape(
            arguments.enrolments, arguments.contents, arguments.shared, arguments.own, arguments.attempts
        )
    except ValueError as e:
        parser.error(str(e))
    return BenchOptions(
        runner=runner,
        parallelism=arguments.parallelism,
        events=events,
        baseline_events=arguments.baseline_events or max(20, events // 10),
        warm_up=max(100, events // 5),
        paced_s=arguments.paced_seconds,
        shape=shape,
        seed=arguments.seed,
        nodes=arguments.nodes,
        pipeline_options=pipeline_options,
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        msg = "give a whole number of at least 1"
        raise argparse.ArgumentTypeError(msg)
    return number
