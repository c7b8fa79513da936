"""The commands of run_local.sh, apart from the demo."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from rich.table import Column, Table

from local import jars, schema, topics
from local.console import console, step
from local.errors import LocalError
from local.flink_services import flink_services
from local.programs import HELM, PROMTOOL
from local.service import Service
from local.services import services
from local.settings import PROJECT, LocalSettings


def up(settings: LocalSettings, more: Sequence[Service] = ()) -> int:
    """Bring everything up that is not; whatever goes wrong, what this call has started is stopped again.

    Args:
        settings: describes the services.
        more: what to bring up besides Kafka and Cassandra.

    Raises:
        LocalError: if something does not come up.
    """
    found = (*services(settings), *more)
    for service in found:
        service.check_port()
    jars.resolve_all(settings)
    with ExitStack() as undo:
        starting = [service for service in found if not service.is_running()]
        for service in starting:
            undo.callback(_stop, service)
            service.start()
        for service in found:
            with step(f"Waiting for {service.name}", f"{service.name} answers at {service.address}"):
                service.wait_ready()
        schema.create(settings)
        topics.create(settings)
        undo.pop_all()
    if not starting:
        *names, last = (service.name for service in found)
        console.print(f"{', '.join(names)} and {last} were up already.")
    return 0


def down(settings: LocalSettings) -> int:
    """Stop whatever is up; a job on Flink goes on from its latest checkpoint when Flink is up again."""
    # Those that work for others first: nothing of the job must fail because Cassandra was stopped before it.
    for service in reversed((*services(settings), *_flink_services(settings))):
        _stop(service)
    return 0


def status(settings: LocalSettings) -> int:
    """Show the state of each service; returns 0 if all are up, else 1."""
    table = Table("service", "state", "address", "pid", Column("log", overflow="fold"))
    found = (*services(settings), *_flink_services(settings))
    ready = [service.is_ready() for service in found]
    for service, is_ready in zip(found, ready, strict=True):
        state = "up" if is_ready else "not answering" if service.is_running() else "down"
        table.add_row(service.name, state, service.address, str(service.pid or ""), str(service.log))
    console.print(table)
    for service in found:
        try:
            service.check_port()
        except LocalError as e:
            console.print(str(e), markup=False)
    return 0 if all(ready) else 1


def test(settings: LocalSettings, args: Sequence[str]) -> int:
    """Run the tests, which start the services they need; returns pytest's exit code.

    Args:
        settings: says where programs are.
        args: pytest's, and --fast, which leaves out all tests that need services, Java or Maven. Those are run on
            all cores; without any argument two processes share all tests, each with services of its own.
    """
    if "--fast" in args:
        options = ["--numprocesses=auto"]
    else:
        options = [] if args else ["--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]
        if not (HELM.is_available(settings) and PROMTOOL.is_available(settings)):
            console.print("Neither helm and promtool nor Go are on the PATH: what they check is left out.")
    return foreground([sys.executable, "-m", "pytest", *options, *args])


def _flink_services(settings: LocalSettings) -> tuple[Service, ...]:
    """The servers of Flink, if any of them is there."""
    found = flink_services(settings)
    return found if any(service.is_running() for service in found) else ()


def _stop(service: Service) -> None:
    was_running = service.is_running()
    with console.status(f"Stopping {service.name} …"):
        service.stop()
    console.print(f"{service.name} {'is stopped' if was_running else 'was not up'}.")


def foreground(command: Sequence[str]) -> int:
    """Run a command to its end; Ctrl-C reaches it too, and it is left the time to clean up."""
    with subprocess.Popen(command, cwd=PROJECT) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
