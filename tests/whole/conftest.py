"""Jobs on the real Kafka and Cassandra that the suite starts once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest
from apache_beam.utils.subprocess_server import SubprocessServer

from local import schema
from local.service import Service
from local.settings import LocalSettings
from tests.whole.job import Job


class MakeJob(Protocol):
    """Makes a job with topics and a keyspace of its own."""

    def __call__(self, *, partitions: int = 2, options: list[str] | None = None) -> Job: ...


@pytest.fixture(scope="session", autouse=True)
def _one_expansion_service() -> Iterator[None]:
    """Keep Beam's Java side alive for all runs of the suite."""
    with SubprocessServer.cache_subprocesses():
        yield


@pytest.fixture(scope="session")
def make_job(
    settings: LocalSettings,
    kafka_service: Service,
    cassandra_service: Service,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[MakeJob]:
    with ExitStack() as sessions:

        def make(*, partitions: int = 2, options: list[str] | None = None) -> Job:
            env = f"t{uuid.uuid4().hex[:12]}"
            session = sessions.enter_context(schema.connect(settings, keyspace=None))
            for file in (schema.PLATFORM_TABLES, schema.MERGE_TABLES):
                copy = tmp_path_factory.mktemp(env) / file.name
                copy.write_text(file.read_text().replace(schema.KEYSPACE, env))
                schema.apply(session, copy)
                session.set_keyspace(env)
            return Job(settings, session, env, partitions, options or [])

        yield make
