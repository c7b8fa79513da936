"""The real services of the tests: a Kafka and a Cassandra of their own, started once, when a test first asks."""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
import uuid
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NoReturn

import pytest
from cassandra.cluster import Cluster, Session
from xdist.workermanage import NodeManager

from faults.cluster import LocalCluster, running_cluster
from faults.keyspaces import Keyspace, MakeKeyspace
from local import jars, ports, schema, services, topics
from local.errors import LocalError
from local.programs import HELM, PROMTOOL
from local.sandbox import sandbox
from local.service import Service
from local.settings import FLINK_PORTS, LocalSettings, read_settings
from tests.support.bundles import LogMerges, MakeLogMerges

_PROGRAMS = {"helm": HELM, "promtool": PROMTOOL}
_JARS = {"settings", "maven"}
_SLOW = {*_JARS, "browser", *_PROGRAMS}
"""The fixtures behind all that needs services, Java, Maven, a browser or such a program; a fast test has none."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="leave out all tests that need services, Java or Maven")


_IN_BACKGROUND = ThreadPoolExecutor(1)
_JARS_RESOLVED: list[Future[None]] = []
_GETTING: dict[str, Future[Path]] = {}
"""What has to be downloaded, or built, which takes minutes the first time; fast tests run meanwhile."""

_SHORT_LIVED = (
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
)
"""The tests' JVMs live too short for what Java's second compiler makes to pay; it took half of all CPU. Checking
the bytecode of classes, all of which are of released jars, took an eighth of what was left; G1, the
default collector of garbage, takes a fourteenth more than the serial one."""


# After Ctrl-C xdist kills its processes when so many seconds are over, and they have servers to stop.
NodeManager.EXIT_TIMEOUT += 110


def _process(config: pytest.Config) -> str | None:
    """The name of this process where several share the tests; None where one has them all."""
    name: str | None = getattr(config, "workerinput", {}).get("workerid")
    return name


def pytest_configure(config: pytest.Config) -> None:
    # A process that shares the tests with others has the options of the one that started it.
    if _process(config) is None:
        os.environ["JDK_JAVA_OPTIONS"] = f"{_SHORT_LIVED} {os.environ.get('JDK_JAVA_OPTIONS', '')}".strip()
    if config.getoption("--fast"):
        os.environ["JAVA_HOME"] = os.devnull  # so that a test that runs Java or Maven all the same is seen


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    unwanted = set(_SLOW) if config.getoption("--fast") else set()
    settings = read_settings(os.environ)
    # `test` says so.
    unwanted |= {name for name, program in _PROGRAMS.items() if not program.is_available(settings)}
    left_out = [item for item in items if unwanted & _fixtures(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        ids = {id(item) for item in left_out}
        items[:] = [item for item in items if id(item) not in ids]
    # First what nothing is downloaded for, then what takes longest, last what a program may have to be built for.
    items.sort(
        key=lambda item: (
            bool(_programs_of(item)),
            bool(_SLOW & _fixtures(item)),
            "cluster" not in _fixtures(item),
        )
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    settings, wanted = read_settings(os.environ), set[str]().union(*map(_fixtures, session.items))
    if wanted & _JARS:
        _JARS_RESOLVED.append(_IN_BACKGROUND.submit(jars.resolve_all, settings))
    for name in sorted(wanted & _PROGRAMS.keys()):
        _GETTING[name] = _IN_BACKGROUND.submit(_PROGRAMS[name].get, settings)


def _fixtures(item: pytest.Item) -> set[str]:
    return {*item.fixturenames} if isinstance(item, pytest.Function) else set()


def _programs_of(item: pytest.Item) -> set[str]:
    return _PROGRAMS.keys() & _fixtures(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for the jars before the first test that needs them, and not within its time."""
    if _JARS & _fixtures(item):
        try:
            for resolved in _JARS_RESOLVED:
                resolved.result()
        except LocalError as e:
            _exit(item.config, e)
    return (yield)


def _exit(config: pytest.Config, error: LocalError) -> NoReturn:
    """End the run. A process that shares tests says why itself: all that xdist tells of it is that it ended."""
    if _process(config) is not None:
        with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(error, file=sys.stderr)
    pytest.exit(str(error))


@pytest.fixture(scope="session")
def maven() -> LocalSettings:
    """Where jars are that Maven resolves; for tests that need jars or Java, and no services."""
    return read_settings(os.environ)


@pytest.fixture(scope="session")
def helm() -> Path:
    """The program; where it cannot be got, tests that ask for it are left out."""
    return _GETTING["helm"].result()


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The program, as helm."""
    return _GETTING["promtool"].result()


@pytest.fixture(scope="session")
def settings(pytestconfig: pytest.Config) -> Iterator[LocalSettings]:
    """The settings of the tests' services: free ports, and an empty folder that this run has to itself."""
    with ExitStack() as running:
        try:
            process = _process(pytestconfig)
            name = f"test-{process}" if process else "test"
            settings = running.enter_context(sandbox(read_settings(os.environ), name))
        except LocalError as e:
            _exit(pytestconfig, e)
        yield settings


@pytest.fixture(scope="session")
def kafka_service(settings: LocalSettings) -> Iterator[Service]:
    """A Kafka with the job's topics."""
    service = services.kafka(settings)
    with service.running():
        topics.create(settings)
        yield service


@pytest.fixture(scope="session")
def cassandra_service(settings: LocalSettings) -> Iterator[Service]:
    """A Cassandra with the keyspace and all tables."""
    service = services.cassandra(settings)
    with service.running():
        schema.create(settings)
        yield service
        _close_sessions()


def _close_sessions() -> None:
    """Close the sessions of the jobs that ran in this process, before what they ask ends.

    In production a process has one job, and its session ends with it: Beam never closes what it shares there.
    """
    # Not isinstance(), which a weak proxy of an object that is gone raises an error at.
    for cluster in [found for found in gc.get_objects() if type(found) is Cluster]:
        if not cluster.is_shutdown:
            cluster.shutdown()


@pytest.fixture(scope="session")
def cassandra_session(settings: LocalSettings, cassandra_service: Service) -> Iterator[Session]:
    """A session on the keyspace, whose rows are dicts; it survives a restart of Cassandra."""
    assert cassandra_service.is_running()
    with schema.connect(settings) as session:
        yield session


@pytest.fixture(scope="module")
def make_keyspace(settings: LocalSettings, cassandra_service: Service) -> Iterator[MakeKeyspace]:
    """Makes keyspaces, each with all tables and a session of its own, which go with the tests of a module.

    Whatever connects to Cassandra reads the whole schema, and hears of each table that is made: what is kept costs
    all that comes later. These sessions read no schema at all.
    """
    with ExitStack() as made:

        def make(name: str | None = None) -> Keyspace:
            name = name or f"t{uuid.uuid4().hex[:12]}"
            client = {"schema_metadata_enabled": False}
            session = made.enter_context(schema.connect(settings, keyspace=None, client=client))
            made.callback(session.execute, f"DROP KEYSPACE IF EXISTS {name}")
            schema.apply(session, name)
            return Keyspace(session, settings.cassandra_port)

        yield make


@pytest.fixture(scope="module")
def keyspace(make_keyspace: MakeKeyspace) -> Keyspace:
    """A keyspace that the tests of a module share, unless the module has another."""
    return make_keyspace()


@pytest.fixture
def log_merges() -> Iterator[MakeLogMerges]:
    """Makes workers' LogMerges, whose sessions are closed when the test ends."""
    with ExitStack() as made:
        yield lambda cassandra: made.enter_context(closing(LogMerges(cassandra)))


@pytest.fixture(scope="session")
def cluster(settings: LocalSettings) -> Iterator[LocalCluster]:
    """A Flink cluster."""
    # Other tests may have taken the ports of the settings since these were found free.
    settings = dataclasses.replace(settings, flink_port=ports.free_ports_in_a_row(FLINK_PORTS))
    with running_cluster(settings) as cluster:
        yield cluster


@pytest.fixture
def ends_jobs(cluster: LocalCluster) -> Iterator[None]:
    """Cancel what a test has left running."""
    yield
    cluster.cancel_jobs()
