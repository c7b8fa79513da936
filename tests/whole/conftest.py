"""Jobs on the real Kafka and Cassandra that the suite starts once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Protocol

import pytest
from apache_beam.utils.subprocess_server import SubprocessServer

from faults.job import Job
from faults.keyspaces import Keyspace, MakeKeyspace
from local.service import Service
from local.settings import LocalSettings
from tests.support.merger import Merger


class MakeJob(Protocol):
    """Makes a job with topics and a keyspace of its own."""

    def __call__(self, *, partitions: int = 2, options: list[str] | None = None) -> Job: ...


@pytest.fixture(scope="session", autouse=True)
def _one_expansion_service() -> Iterator[None]:
    """Keep Beam's Java side alive for all runs of the suite."""
    with SubprocessServer.cache_subprocesses():
        yield


@pytest.fixture(scope="module")
def make_job(settings: LocalSettings, kafka_service: Service, make_keyspace: MakeKeyspace) -> MakeJob:
    def make(*, partitions: int = 2, options: list[str] | None = None) -> Job:
        env = f"t{uuid.uuid4().hex[:12]}"
        return Job(settings, make_keyspace(env).session, env, partitions, options or [])

    return make


@pytest.fixture(scope="module")
def merger(keyspace: Keyspace) -> Iterator[Merger]:
    with closing(Merger(keyspace)) as merger:
        yield merger
