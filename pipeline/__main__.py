"""The command line: `python -m pipeline`, installed as `merge-user-courses`."""

from __future__ import annotations

import os
import sys

from rich.console import Console

from pipeline.settings import ConfigError, resolve


def main() -> int:
    """Run the job; returns the process's exit code: 0 done, 2 wrong configuration, 130 interrupted."""
    console = Console(stderr=True, highlight=False)
    try:
        settings = resolve(sys.argv[1:], os.environ)
        # Beam takes seconds to import, which --help and refusals need not wait for.
        from pipeline.run import run_backlog

        metrics = run_backlog(settings, console)
    except ConfigError as e:
        console.print(str(e), style="red", markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted; what was not committed is merged by the next run.")
        return 130
    Console(highlight=False).print(metrics.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
