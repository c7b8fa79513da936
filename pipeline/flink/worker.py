"""The process that runs the Python stages beside a TaskManager, which a worker pool starts and Flink ends."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Never

import grpc

from transforms.logs import begin_logging

if TYPE_CHECKING:
    from apache_beam.runners.worker.sdk_worker import SdkHarness

_log = logging.getLogger(__name__)

_STATE_CACHE_BYTES = 32 * 1024 * 1024
_POLL_S = 0.05
_ANSWER_S = 0.5
"""How long the answer to a bundle may take from the harness to the TaskManager."""


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
    begin_logging()
    # Only now: Beam logs while it is imported.
    from apache_beam.runners.worker.sdk_worker import SdkHarness

    import pipeline.graph  # noqa: F401 - all that the stages import, before garbage is looked for
    from pipeline.garbage import reduce_garbage_collection

    reduce_garbage_collection()
    exit_code = 1
    try:
        harness = SdkHarness(
            arguments.control_endpoint, worker_id=arguments.id, state_cache_size=_STATE_CACHE_BYTES
        )
        ending = threading.Thread(target=_end_after_bundles, args=[harness], daemon=True)
        signal.signal(signal.SIGTERM, lambda *_: None if ending.ident else ending.start())
        harness.run()
        exit_code = 0
    except grpc.RpcError as e:
        _log.warning("The TaskManager at %s is gone (%s): ending.", arguments.control_endpoint, e.code())
    except Exception:
        _log.exception("The worker %s has failed.", arguments.id)
    finally:
        _end(exit_code)


def _end_after_bundles(harness: SdkHarness) -> None:
    """End this process when the bundles that it has in work now have ended; a successor merges later ones."""
    bundles = harness._bundle_processor_cache.active_bundle_processors
    begun = list(bundles)
    while any(bundle in bundles for bundle in begun):
        time.sleep(_POLL_S)
    if begun:
        time.sleep(_ANSWER_S)
    _end(0)


def _end(exit_code: int) -> Never:
    logging.shutdown()
    sys.stderr.flush()
    os._exit(exit_code)


if __name__ == "__main__":
    main()
