"""Services that take nothing but TLS, certificates and passwords, started once for all tests of this folder."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Protocol

import pytest

from faults.job import Job
from local import schema
from local.settings import LocalSettings
from tests.security.rights import grant_rights
from tests.security.services import USER, SecureServices, secure_services


class MakeSecureJob(Protocol):
    """Makes a job with topics and a keyspace of its own; its options name TLS and users, and no password."""

    def __call__(self, *options: str) -> Job: ...


@pytest.fixture(scope="session")
def secure(settings: LocalSettings) -> Iterator[SecureServices]:
    with secure_services(settings) as services:
        yield services


@pytest.fixture
def make_job(secure: SecureServices) -> MakeSecureJob:
    def make(*options: str) -> Job:
        env = f"s{uuid.uuid4().hex[:12]}"
        schema.apply(secure.session, env)
        files = secure.files
        tls = (
            f"--kafka_ssl_ca_file={files.ca}",
            f"--kafka_ssl_certificate_file={files.certificate}",
            f"--kafka_ssl_key_file={files.key}",
            "--lms_cassandra_ssl_enabled=on",
            f"--lms_cassandra_ssl_ca_file={files.ca}",
            f"--lms_cassandra_ssl_certificate_file={files.certificate}",
            f"--lms_cassandra_ssl_key_file={files.key}",
        )
        users = (f"--kafka_sasl_username={USER}", f"--lms_cassandra_username={USER}")
        job = Job(
            *(secure.settings, secure.session, env, 2),
            ["--kafka_security_protocol=SASL_SSL", *tls, *users, *options],
            secure.kafka_client,
        )
        grant_rights(job)
        return job

    return make


@pytest.fixture
def password_files(secure: SecureServices) -> tuple[str, str]:
    """The options that name them."""
    return (
        f"--kafka_sasl_password_file={secure.files.kafka_password}",
        f"--lms_cassandra_password_file={secure.files.cassandra_password}",
    )
