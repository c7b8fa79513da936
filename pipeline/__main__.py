"""The command line: `python -m pipeline`, installed as `merge-user-courses`."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Sequence

from rich.console import Console

from pipeline.commands import COMMANDS, run_without_its_name
from pipeline.configuration.errors import ConfigError, ServiceError
from pipeline.flink.cluster import FlinkError
from pipeline.kafka.errors import GroupInUseError
from transforms.logs import begin_logging
from transforms.store.credentials import CredentialsError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: its name, and its options; without a name, `run` is meant. None for those of the process.

    Returns:
        the process's exit code: 0 done, 1 Flink, Kafka or Cassandra does not answer, Flink does not take the job,
        or somebody else merges for the group of a local run, 2 wrong configuration, 130 interrupted.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    command: Callable[[Sequence[str]], int] = run_without_its_name
    options = list(sys.argv[1:] if argv is None else argv)
    if options and not options[0].startswith("-"):
        name = options.pop(0)
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            advice = f"did you mean {near[0]}?" if near else f"give one of {', '.join(COMMANDS)}."
            console.print(f"{name!r} is not a command: {advice}", style="red", markup=False)
            return 2
        command = COMMANDS[name].main
    begin_logging()
    try:
        return command(options)
    except (ConfigError, CredentialsError, FlinkError, GroupInUseError) as e:
        console.print(str(e), style="red", markup=False)
        return 1 if isinstance(e, (ServiceError, FlinkError, GroupInUseError)) else 2
    except KeyboardInterrupt:
        console.print("Interrupted; what was not committed is merged by the next run.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
