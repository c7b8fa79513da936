"""The command line: what it asks for, what it refuses, and when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hamcrest import assert_that, contains_string, equal_to, has_entries

from benchmarks import command
from benchmarks.bench import BenchResult
from benchmarks.latency import LatencyResult
from benchmarks.measure import KINDS
from benchmarks.options import DIRECT, FLINK, BenchOptions
from benchmarks.phases import Phase
from benchmarks.pipeline_runs import PipelineRun
from benchmarks.workload import Shape
from local.settings import LocalSettings

Run = Callable[..., int]


def _phase(cpu_ms: float, events_per_s: float) -> Phase:
    return Phase(100, 1_000, 100 / events_per_s, dict.fromkeys(KINDS, 100 * cpu_ms), dict.fromkeys(KINDS, 1.0))


@pytest.fixture
def asked() -> list[BenchOptions]:
    return []


@pytest.fixture
def run(asked: list[BenchOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command with a measurement that takes no time: half of the floor, at four times its CPU."""

    def bench(_: LocalSettings, options: BenchOptions) -> BenchResult:
        asked.append(options)
        latencies = [1.0, 2.0, 3.0] if options.runner == FLINK else None
        pipeline = PipelineRun(_phase(cpu_ms=8, events_per_s=50), None, latencies, [1.0, 2.0])
        floor, baseline = _phase(cpu_ms=4, events_per_s=100), _phase(cpu_ms=32, events_per_s=5)
        return BenchResult(options, floor, baseline, pipeline, (99, 101), (0.1, 0.2))

    def latency(_: LocalSettings, options: BenchOptions, per_s: float) -> LatencyResult:
        asked.append(options)
        trickle, rest = _phase(cpu_ms=40, events_per_s=per_s), Phase(0, 0, 10, *(dict.fromkeys(KINDS, 1.0),) * 2)
        return LatencyResult(options, per_s, [0.01, 0.02, 0.03], [0.08, 0.1, 0.2], trickle, rest, (0.1, 0.2))

    monkeypatch.setattr(command, "bench", bench)
    monkeypatch.setattr(command, "latency", latency)
    settings = LocalSettings(tmp_path, tmp_path, 1, 2, 3)
    return lambda *arguments: command.main(settings, arguments)


def test_results_are_a_picture_and_json_that_the_output_names(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_that(run(), equal_to(0))
    (results,) = (tmp_path / "results").glob("*.json")
    assert_that(capsys.readouterr().out, contains_string(str(results)))
    assert results.with_suffix(".png").stat().st_size > 1_000
    assert_that(
        json.loads(results.read_text()),
        has_entries(
            ratio_to_floor=0.5,
            ratio_to_baseline=10,
            cpu_ratio_to_floor=0.5,
            python_cpu_ratio_to_floor=0.5,
            cassandra_cpu_ratio_to_baseline=0.25,
            python_cpu_ms_per_event=8,
            latency_p95_s=3,
        ),
    )


@pytest.mark.parametrize(("bar", "exit_code"), [(["--bar", "5"], 0), (["--bar", "4.9"], 1), ([], 0)])
def test_latency_is_a_picture_and_json_and_fails_over_the_bar(
    run: Run, tmp_path: Path, bar: list[str], exit_code: int
) -> None:
    assert_that(run("--latency", "--rate", "2", *bar), equal_to(exit_code))
    (results,) = (tmp_path / "results").glob("*.json")
    assert results.with_suffix(".png").stat().st_size > 1_000
    assert_that(
        json.loads(results.read_text()),
        has_entries(
            p50_ratio_to_floor=5,
            pipeline_p95_s=0.2,
            events_per_s=2,
            cpu_ms_per_event=has_entries(python=40),
            cores_at_this_rate=has_entries(python=0.08),
            cores_at_rest=has_entries(jvm=0.0001),
        ),
    )


@pytest.mark.parametrize(("bar", "exit_code"), [(["--bar", "0.5"], 0), (["--bar", "0.51"], 1), ([], 0)])
def test_it_fails_under_the_bar(
    run: Run, capsys: pytest.CaptureFixture[str], bar: list[str], exit_code: int
) -> None:
    assert_that(run("--quick", *bar), equal_to(exit_code))
    assert_that("what has become slower" in " ".join(capsys.readouterr().out.split()), equal_to(exit_code == 1))


def test_sizes_and_options_of_the_pipeline_are_handed_on(run: Run, asked: list[BenchOptions]) -> None:
    run("--enrolments", "3", "--shared", "1", "--own", "1", "--contents", "7", "--", "--max_bundle_time_mills=500")
    (options,) = asked
    assert_that(options.shape, equal_to(Shape(3, 7, 1, 1)))
    assert_that(options.pipeline_options, equal_to(("--max_bundle_time_mills=500",)))
    assert_that(options.runner, equal_to(FLINK))


def test_quick_is_on_direct_runner(run: Run, asked: list[BenchOptions]) -> None:
    run("--quick")
    assert_that(asked[0].runner, equal_to(DIRECT))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--runner", DIRECT, "--parallelism", "2"], "give --parallelism with --runner FlinkRunner"),
        (["--enrolments", "2", "--shared", "3"], "3 of 2 enrolments cannot be shared"),
        (["--events", "0"], "give a whole number of at least 1"),
        (["--latency", "--quick"], "leave out --quick and --runner"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    with pytest.raises(SystemExit):
        run(*arguments)
    assert_that(capsys.readouterr().err, contains_string(why))
