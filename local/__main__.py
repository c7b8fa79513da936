"""The command line behind run_local.sh."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from local.errors import LocalError
from local.settings import LocalSettings, read_settings
from transforms.logs import begin_logging

_COMMANDS = {
    "demo": "load a small data set, merge it and show what happened (the default)",
    "up": "start Kafka and Cassandra, create schema and topics",
    "down": "stop them; their data stays",
    "status": "show what is up; exit code 1 if anything is not",
    "run": "run the pipeline against what is up; ARGS are its options (run --help lists them)",
    "replay": "publish failed events again; ARGS are the options of the replay (replay --help lists them)",
    "preview": "show what merging two accounts would do; ARGS are its options (preview --help lists them)",
    "history": "show an account's merges; ARGS are its options, as for the next two",
    "verify": "judge merges after the fact",
    "forget": "delete what the history of merges says of an account",
    "flink": "submit the job to a Flink cluster and follow it; flink stop stops it with a savepoint,\n"
    "          flink resume goes on from there, flink upgrade does both; ARGS are the pipeline's options",
    "bench": "measure the pipeline beside what Cassandra can take, on services of its own (bench --help)",
    "faults": "kill what a job on Flink runs on, on services of its own, and look for loss (faults --help)",
    "test": "run the tests on services of their own; with --fast those that need neither services nor Java;\n"
    "          ARGS are pytest's; without any, two processes share all tests",
}
_ASK = ("preview", "history", "verify", "forget")
_TAKE_ARGS = ("run", "replay", *_ASK, "flink", "bench", "faults", "test")
_EPILOG = """\
environment variables:
  KAFKA_PORT      where Kafka listens on 127.0.0.1 (default 9092)
  CASSANDRA_PORT  where Cassandra listens on 127.0.0.1 (default 9042)
  FLINK_PORT      where Flink's dashboard listens on 127.0.0.1 (default 8081); it takes the seven above it too
  DATA_DIR        the folder for the venv, jars, data and logs (default .local in the project)
  JAVA_HOME       the JDK 17 to use (default: the java on the PATH)
"""


def main(argv: Sequence[str]) -> int:
    """Run a command; returns the process's exit code."""
    parser = _parser()
    options, args = parser.parse_known_args(argv[:1])
    args = [*args, *argv[1:]]
    if args and options.command not in _TAKE_ARGS:
        parser.error(f"{options.command} takes no arguments: {' '.join(args)}")
    try:
        return _dispatch(options.command, read_settings(os.environ), args)
    except LocalError as e:
        Console(stderr=True, highlight=False, soft_wrap=True).print(str(e), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run_local.sh",
        description="The merge job on this machine, with a real Kafka and a real Cassandra.",
        epilog="commands:\n"
        + "".join(f"  {command:<8}{what}\n" for command, what in _COMMANDS.items())
        + "\n"
        + _EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [COMMAND] [ARGS ...]",
    )
    parser.add_argument("command", nargs="?", choices=_COMMANDS, default="demo", help=argparse.SUPPRESS)
    return parser


def _dispatch(command: str, settings: LocalSettings, args: Sequence[str]) -> int:
    # Imported only now, so that --help and refusals need not wait for the drivers.
    from local import commands

    match command:
        case "demo":
            from local.demo import demo

            return commands.up(settings) or demo(settings)
        case "run":
            from local.run import run

            return run(settings, args)
        case "replay":
            from local.run import replay

            return replay(settings, args)
        case _ if command in _ASK:
            from local.run import ask

            return ask(settings, command, args)
        case "flink":
            from local.flink import flink

            return flink(settings, args)
        case "bench":
            from benchmarks.command import main as bench

            return bench(settings, args)
        case "faults":
            begin_logging()  # before Beam is imported, which has something to say of that
            from faults.command import main as faults

            return faults(settings, args)
        case "test":
            return commands.test(settings, args)
        case "up":
            return commands.up(settings)
        case "down":
            return commands.down(settings)
        case _:
            return commands.status(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
