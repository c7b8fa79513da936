"""The process that runs the Python stages beside a TaskManager, which a worker pool starts and Flink ends."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import Never

import grpc

from pipeline.logs import configure_logging

_log = logging.getLogger(__name__)

_STATE_CACHE_BYTES = 32 * 1024 * 1024


def main() -> Never:
    """Run the stages until the TaskManager ends this process, or is gone.

    It takes the arguments of Beam's container contract, of which two matter to a worker that has the package
    installed. A worker that has lost its TaskManager ends at once, with whatever it has in work: those events
    are merged again by another worker, and two that merge into one account at the same time could overwrite each
    other's counts. Python by itself would first finish all that its threads have begun.
    """
    parser = argparse.ArgumentParser(prog="merge-user-courses-worker", description=main.__doc__)
    parser.add_argument("--id", required=True)
    parser.add_argument("--control_endpoint", required=True)
    arguments, _ = parser.parse_known_args()
    configure_logging()
    # Only now: Beam logs while it is imported.
    from apache_beam.runners.worker.sdk_worker import SdkHarness

    import pipeline.graph  # noqa: F401 - all that the stages import, before garbage is looked for
    from pipeline.garbage import collect_seldom

    collect_seldom()
    exit_code = 1
    try:
        SdkHarness(arguments.control_endpoint, worker_id=arguments.id, state_cache_size=_STATE_CACHE_BYTES).run()
        exit_code = 0
    except grpc.RpcError as e:
        _log.warning("The TaskManager at %s is gone (%s): ending.", arguments.control_endpoint, e.code())
    except Exception:
        _log.exception("The worker %s has failed.", arguments.id)
    finally:
        logging.shutdown()
        sys.stderr.flush()
        os._exit(exit_code)


if __name__ == "__main__":
    main()
