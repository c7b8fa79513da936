"""A Flink cluster and its Python workers: how each server is configured, started and asked."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from local import jars
from local.flink_entry_point import entry_point
from local.service import Service
from local.services import CONFIG, configure, data_dir, java_program
from local.settings import TASK_MANAGERS, LocalSettings
from pipeline.flink.cluster import FlinkCluster, FlinkError
from pipeline.flink.worker_pool import answers as worker_pool_answers


def flink_services(settings: LocalSettings) -> tuple[Service, ...]:
    """All servers of the cluster, in the order in which they need each other."""
    return (
        zookeeper(settings),
        job_manager(settings),
        *(task_manager(settings, number) for number in range(1, TASK_MANAGERS + 1)),
        worker_pool(settings),
    )


def zookeeper(settings: LocalSettings) -> Service:
    """The ZooKeeper in which a JobManager finds what it has to know after a crash."""
    return _service(
        "ZooKeeper",
        settings,
        port=settings.zookeeper_port,
        prepare=lambda: _prepare_zookeeper(settings),
        answers=lambda: True,
    )


def job_manager(settings: LocalSettings) -> Service:
    """The JobManager, whose port is that of Flink's REST API and dashboard."""
    return _job_manager(settings, lambda: _prepare_job_manager(settings))


def application(settings: LocalSettings, options: Sequence[str]) -> Service:
    """The JobManager of a cluster that runs one job and takes no other, in place of that of a session cluster.

    Args:
        settings: where it listens.
        options: those of Flink's entry point: the job's jar and class, dynamic properties and what else it takes.
    """
    return _job_manager(settings, lambda: _prepare_application(settings, options))


def _job_manager(settings: LocalSettings, prepare: Callable[[], Sequence[str]]) -> Service:
    return _service(
        "JobManager",
        settings,
        port=settings.flink_port,
        prepare=prepare,
        answers=lambda: _task_managers(settings) is not None,
    )


def task_manager(settings: LocalSettings, number: int) -> Service:
    """A TaskManager; numbers start at 1."""
    name = f"TaskManager-{number}"
    port = settings.task_manager_port(number)
    return _service(
        name,
        settings,
        port=port,
        prepare=lambda: _prepare_task_manager(settings, name, port),
        answers=lambda: name in (_task_managers(settings) or ()),
    )


def worker_pool(settings: LocalSettings) -> Service:
    """The server that starts a Python worker whenever a TaskManager asks for one."""
    return _service(
        "Worker-pool",
        settings,
        port=settings.worker_pool_port,
        prepare=lambda: _prepare_worker_pool(settings),
        answers=lambda: worker_pool_answers(settings.worker_pool_port),
    )


def _service(
    name: str,
    settings: LocalSettings,
    *,
    port: int,
    prepare: Callable[[], Sequence[str]],
    answers: Callable[[], bool],
) -> Service:
    return Service(name, settings, port=port, port_variable="FLINK_PORT", prepare=prepare, answers=answers)


def _prepare_zookeeper(settings: LocalSettings) -> list[str]:
    values = {"port": settings.zookeeper_port, "data": data_dir(settings, "zookeeper")}
    properties = configure(settings, "flink/zookeeper.properties", values, to="zookeeper.properties")
    return [
        *(java_program(), "-Xmx128m", "-cp", jars.class_path(settings, "flink")),
        "org.apache.flink.runtime.zookeeper.FlinkZooKeeperQuorumPeer",
        *("--zkConfigFile", str(properties), "--peerId", "1"),
    ]


def _prepare_job_manager(settings: LocalSettings) -> list[str]:
    return [
        *_flink(settings, "JobManager", heap="512m"),
        "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
        *("--configDir", str(_configure(settings, "JobManager"))),
    ]


def _prepare_application(settings: LocalSettings, options: Sequence[str]) -> list[str]:
    class_path = f"{jars.class_path(settings, 'flink')}:{entry_point(settings)}"
    return [
        *_flink(settings, "JobManager", heap="512m", class_path=class_path),
        "org.apache.flink.container.entrypoint.StandaloneApplicationClusterEntryPoint",
        *("--configDir", str(_configure(settings, "JobManager"))),
        # As the operator has it: what has ended is still there to be asked how, until it is taken away.
        "-Dexecution.shutdown-on-application-finish=false",
        *options,
    ]


def _prepare_task_manager(settings: LocalSettings, name: str, port: int) -> list[str]:
    return [
        # What the sizes in the configuration add up to: the framework's and the tasks' heap.
        *_flink(settings, name, heap="640m"),
        "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
        *("--configDir", str(_configure(settings, name))),
        f"-Dtaskmanager.resource-id={name}",
        f"-Dtaskmanager.rpc.port={port}",
    ]


def _prepare_worker_pool(settings: LocalSettings) -> list[str]:
    return [sys.executable, "-m", "pipeline.flink.worker_pool", f"--port={settings.worker_pool_port}"]


def _flink(settings: LocalSettings, name: str, *, heap: str, class_path: str | None = None) -> list[str]:
    log = settings.logs_dir / f"{name.lower()}.log"
    return [
        *(java_program(), f"-Xmx{heap}", f"@{CONFIG / 'flink' / 'java.args'}"),
        f"-Dlog.file={log}",  # where the dashboard looks for it
        *("-cp", class_path or jars.class_path(settings, "flink")),
    ]


def _configure(settings: LocalSettings, name: str) -> Path:
    """Write the configuration of one server of the cluster; returns the folder, which is emptied before."""
    folder = settings.data_dir / "run" / name.lower()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    values = {
        "port": settings.flink_port,
        "zookeeper_port": settings.zookeeper_port,
        "metrics_port": settings.metrics_ports[name],
        "data_uri": data_dir(settings, "flink").as_uri(),
        "tmp": folder / "tmp",
    }
    return configure(settings, "flink/config.yaml", values, to=f"{name.lower()}/config.yaml").parent


def _task_managers(settings: LocalSettings) -> set[str] | None:
    """The TaskManagers that are registered; None if the JobManager does not answer."""
    try:
        return FlinkCluster(settings.flink_address).task_managers()
    except FlinkError:
        return None
