"""The command line: `python -m pipeline`, installed as `merge-user-courses`."""

from __future__ import annotations

import os
import sys

from rich.console import Console

from pipeline.errors import ConfigError
from pipeline.flink_cluster import FlinkError
from pipeline.logs import configure_logging
from transforms.credentials import CredentialsError


def main() -> int:
    """Run the job.

    Returns:
        the process's exit code: 0 done, 1 the Flink cluster does not answer or does not take the job, 2 wrong
        configuration, 130 interrupted.
    """
    configure_logging()
    # Only now: Beam logs while it is imported.
    from pipeline.settings import print_config, read_configuration

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        configuration = read_configuration(sys.argv[1:], os.environ)
        if configuration.command_line.print_config:
            print_config(configuration, Console())
            configuration.settings()
            return 0
        settings = configuration.settings()
        if configuration.command_line.on_flink:
            from pipeline.submit import submit

            submit(settings, console)
        else:
            from pipeline.garbage import collect_seldom
            from pipeline.run import run_backlog

            collect_seldom()
            Console(highlight=False).print(run_backlog(settings, console).table())
    except (ConfigError, CredentialsError, FlinkError) as e:
        console.print(str(e), style="red", markup=False)
        return 1 if isinstance(e, FlinkError) else 2
    except KeyboardInterrupt:
        console.print("Interrupted; what was not committed is merged by the next run.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
