"""The command line: `python -m pipeline.replay`, installed as `merge-user-courses-replay`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console

from pipeline.configuration.errors import ConfigError, ServiceError
from transforms.logs import begin_logging
from transforms.store.credentials import CredentialsError


def main(argv: Sequence[str] | None = None) -> int:
    """Replay.

    Returns:
        the process's exit code: 0 done, 1 not all, or Kafka does not answer, 2 wrong configuration, 130
        interrupted.
    """
    begin_logging()
    # Only now: Beam logs while it is imported.
    from pipeline.replay.options import read_options
    from pipeline.replay.run import replay

    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        options = read_options(sys.argv[1:] if argv is None else argv, os.environ, datetime.now(UTC))
        return replay(options, Console(highlight=False), errors)
    except (ConfigError, CredentialsError) as e:
        errors.print(str(e), style="red", markup=False)
        return 1 if isinstance(e, ServiceError) else 2
    except KeyboardInterrupt:
        errors.print("Interrupted; it can be run again, since merging what is merged changes nothing.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
