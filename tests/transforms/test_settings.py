"""The settings that travel to the workers, and the password that does not."""

import pickle
import ssl
from pathlib import Path

import pytest

from pipeline.configuration.settings import resolve
from transforms.settings import CassandraSettings


def login(argv: list[str], environ: dict[str, str] | None = None) -> CassandraSettings:
    return resolve(["--lms_cassandra_username=merger", *argv], environ or {}).cassandra


def test_the_password_is_read_from_its_file_without_the_newline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMS_CASSANDRA_PASSWORD", "of the environment")
    (tmp_path / "password").write_text(" s\u00e9cret \r\n", encoding="utf-8")
    settings = login([f"--lms_cassandra_password_file={tmp_path / 'password'}"])
    assert settings.password() == " s\u00e9cret "


def test_the_password_is_read_when_it_is_used(tmp_path: Path) -> None:
    settings = login([f"--lms_cassandra_password_file={tmp_path / 'password'}"])
    for password in ("first", "second"):
        (tmp_path / "password").write_text(password)
        assert settings.password() == password


def test_without_a_file_the_password_is_that_of_the_workers_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = login([], {"LMS_CASSANDRA_PASSWORD": "of the launcher"})
    monkeypatch.setenv("LMS_CASSANDRA_PASSWORD", "of the worker")
    assert settings.password() == "of the worker"


def test_there_may_be_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMS_CASSANDRA_PASSWORD", raising=False)
    assert resolve([], {}).cassandra.password() is None


def test_a_file_that_the_worker_cannot_read_is_named(tmp_path: Path) -> None:
    settings = login([f"--lms_cassandra_password_file={tmp_path / 'none'}"])
    with pytest.raises(RuntimeError) as refused:
        settings.password()
    assert str(refused.value) == (
        f"lms-cassandra.password_file {tmp_path / 'none'} cannot be read here: No such file or directory."
    )


def test_pickled_settings_hold_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMS_CASSANDRA_PASSWORD", "secret")
    settings = login([], {"LMS_CASSANDRA_PASSWORD": "secret"})
    assert settings.password() == "secret"
    assert b"secret" not in pickle.dumps(settings)
    assert pickle.loads(pickle.dumps(settings)) == settings


@pytest.mark.parametrize(("switch", "verified"), [("on", True), ("off", False)])
def test_certificates_are_verified_always_and_their_hosts_unless_told_otherwise(
    switch: str, verified: bool
) -> None:
    tls = "--lms_cassandra_ssl_enabled=on"
    context = resolve([tls, f"--lms_cassandra_ssl_hostname_verification={switch}"], {}).cassandra.tls()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, verified)
    default = resolve([tls], {}).cassandra.tls()
    assert default is not None
    assert default.check_hostname


def test_without_tls_there_is_no_context() -> None:
    assert resolve([], {}).cassandra.tls() is None
