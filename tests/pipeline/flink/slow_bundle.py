"""A pipeline of one bundle that takes long: python -m tests.pipeline.flink.slow_bundle PORT FOLDER SECONDS."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import ExternalEnvironment


class Sleep(beam.DoFn):
    """Leaves a file in a folder when it begins, and another one when it has slept."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def process(self, seconds: float) -> Iterable[float]:
        (self._folder / "begun").touch()
        time.sleep(seconds)
        (self._folder / "ended").touch()
        yield seconds


def main(port: str, folder: str, seconds: str) -> None:
    runner = FnApiRunner(default_environment=ExternalEnvironment(f"127.0.0.1:{port}"))
    with beam.Pipeline(runner=runner) as pipeline:
        _ = pipeline | beam.Create([float(seconds)]) | beam.ParDo(Sleep(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
