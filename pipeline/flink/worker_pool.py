"""The server beside a TaskManager that starts a Python worker whenever the TaskManager asks for one.

It speaks the protocol of Beam's EXTERNAL environment, which has no authentication: whoever reaches it can have it
start a worker, which then runs whatever it is sent, with the secrets of this process. Beam's own pool
(apache_beam.runners.worker.worker_pool_main) listens on every interface; this one only on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import logging
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import grpc

from transforms.logs import begin_logging

HOST = "127.0.0.1"
DEFAULT_PORT = 50000

_WORKER = (sys.executable, "-P", "-m", "pipeline.flink.worker")
"""A worker's command; -P, since what lies in the current directory is no code of ours."""

_STOP_WORKER = "/org.apache.beam.model.fn_execution.v1.BeamFnExternalWorkerPool/StopWorker"
_CHECK_TIMEOUT_S = 3
_POLL_S = 0.05

_STARTUP_S = 10
"""A worker that is killed so early may not have reached its TaskManager yet, which waits for it without end."""

_log = logging.getLogger("worker-pool")


class WorkerPool:
    """The workers of one machine or pod, each a process of its own."""

    def __init__(self) -> None:
        """Begin without workers."""
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._is_ending = False
        self._lock = threading.Lock()

    def start(self, worker_id: str, control_endpoint: str) -> str:
        """Start a worker.

        Args:
            worker_id: what the TaskManager calls it.
            control_endpoint: HOST:PORT of the TaskManager's control service.

        Returns:
            why it could not be started, in a sentence; empty if it was.
        """
        with self._lock:
            if self._is_ending:
                return "The worker pool is ending, and starts no more workers."
            try:
                worker = subprocess.Popen(  # noqa: S603 - a fixed command; the arguments are never a shell's
                    [*_WORKER, f"--id={worker_id}", f"--control_endpoint={control_endpoint}"],
                    stdin=subprocess.DEVNULL,
                )
            except OSError as e:
                return f"The worker {worker_id} could not be started: {e}."
            self._workers[worker_id] = worker
        _log.info("Worker %s has started as process %d.", worker_id, worker.pid)
        threading.Thread(target=self._await_end, args=(worker_id, worker, control_endpoint), daemon=True).start()
        return ""

    def stop(self, worker_id: str) -> None:
        """End a worker at once, which its TaskManager has no more work for; that it is not there is no error."""
        with self._lock:
            worker = self._workers.pop(worker_id, None)
        if worker:
            # Not SIGTERM, on which it would wait for bundles: those it still has are cancelled ones.
            worker.kill()
            worker.wait()

    def end(self, grace_s: float) -> None:
        """End all workers: each finishes the bundles that it has in work, or is killed when the grace is over."""
        with self._lock:
            self._is_ending = True
            workers = list(self._workers.values())
        for worker in workers:
            worker.terminate()
        deadline = time.monotonic() + grace_s
        while any(worker.poll() is None for worker in workers) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        for worker in workers:
            worker.kill()
            worker.wait()

    def _await_end(self, worker_id: str, worker: subprocess.Popen[bytes], control_endpoint: str) -> None:
        started = time.monotonic()
        exit_code = worker.wait()
        _log.info("Worker %s, process %d, has ended with %d.", worker_id, worker.pid, exit_code)
        with self._lock:
            if self._workers.get(worker_id) is not worker:
                return
            del self._workers[worker_id]
        killed_early = exit_code < 0 and time.monotonic() - started < _STARTUP_S
        if killed_early and (error := self.start(worker_id, control_endpoint)):
            _log.warning("%s", error)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the pool until SIGTERM or SIGINT, or ask whether it runs.

    Args:
        argv: the arguments; those of the command line, if None.

    Returns:
        the process's exit code: 0 ended or, with --check, answers; 1 cannot listen or does not answer.
    """
    arguments = _parser().parse_args(argv)
    if arguments.check:
        return 0 if answers(arguments.port) else 1
    return _serve(arguments.port, arguments.grace)


def answers(port: int) -> bool:
    """Whether a pool answers on a port of 127.0.0.1.

    It is asked to end a worker that does not exist, by a message without Beam's classes, whose import would take a
    second of processor time at each probe.
    """
    with grpc.insecure_channel(f"{HOST}:{port}") as channel:
        try:
            channel.unary_unary(_STOP_WORKER)(b"", timeout=_CHECK_TIMEOUT_S)
        except grpc.RpcError:
            return False
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="merge-user-courses worker-pool",
        description="Starts the Python workers of a TaskManager on this machine, and listens on 127.0.0.1 only.",
        epilog="example, as a probe: %(prog)s --check",
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="where it listens, as in --environment_config (%(default)s)"
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=20,
        metavar="SECONDS",
        help="how long, once it is told to end, workers may take to finish what they have in work (%(default)s)",
    )
    parser.add_argument(
        "--check", action="store_true", help="only say by the exit code whether a pool answers there: 0 yes, 1 no"
    )
    return parser


def _serve(port: int, grace_s: float) -> int:
    # Handlers, and not what Python does by itself: the first process of a container gets no signal without them.
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: signals.put(number))
    begin_logging()
    _log.setLevel(logging.INFO)
    pool = WorkerPool()
    server = _server(pool)
    try:
        server.add_insecure_port(f"{HOST}:{port}")
    except RuntimeError:
        _log.error("Port %d of %s cannot be listened on: another program, or a pool, has it.", port, HOST)
        return 1
    server.start()
    _log.info("Listening on %s:%d.", HOST, port)
    name = signal.Signals(signals.get()).name
    _log.info("Ending on %s: workers may finish what they have in work, for %g s at most.", name, grace_s)
    pool.end(grace_s)
    server.stop(grace=None)
    return 0


def _server(pool: WorkerPool) -> grpc.Server:
    # Only now: Beam logs while it is imported, and --check does without it.
    from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
    from apache_beam.utils import thread_pool_executor

    class Servicer(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
        def StartWorker(self, request: beam_fn_api_pb2.StartWorkerRequest, _: object) -> object:  # noqa: N802
            error = pool.start(request.worker_id, request.control_endpoint.url)
            return beam_fn_api_pb2.StartWorkerResponse(error=error)

        def StopWorker(self, request: beam_fn_api_pb2.StopWorkerRequest, _: object) -> object:  # noqa: N802
            pool.stop(request.worker_id)
            return beam_fn_api_pb2.StopWorkerResponse()

    # Without the option, two pools could share a port, and either would get some of the requests.
    server = grpc.server(thread_pool_executor.shared_unbounded_instance(), options=[("grpc.so_reuseport", 0)])
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(Servicer(), server)
    return server


if __name__ == "__main__":
    sys.exit(main())
