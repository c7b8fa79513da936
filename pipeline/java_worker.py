"""How long Beam waits for its Java worker to end."""

from __future__ import annotations

from apache_beam.runners.portability.fn_api_runner.worker_handlers import GrpcServer

GRACE_S = 0.2


def end_at_once() -> None:
    """Let a pass on DirectRunner end when its bundles have.

    Beam's Java worker, which reads and writes Kafka, never closes the stream on which it may ask for state. So
    DirectRunner waits five seconds for it at the end of each pipeline, all of whose outputs are written by then,
    and cancels the stream; now it does that at once. There is no option for it, so this sets what is private.
    """
    GrpcServer._DEFAULT_SHUTDOWN_TIMEOUT_SECS = GRACE_S
