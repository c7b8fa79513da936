"""What the clients of Kafka are configured with, by the settings; tests/security connects with it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hamcrest import assert_that, calling, equal_to, has_entries, has_key, is_not, raises
from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    RequestTimedOutError,
    SaslAuthenticationFailedError,
)

from pipeline.configuration.errors import ConfigError, ServiceError
from pipeline.configuration.settings import resolve
from pipeline.configuration.variables import KafkaSettings
from pipeline.kafka.clients import connecting, java_client, python_client
from transforms.store.credentials import CredentialsError

PASSWORD = "not to be seen"


def _kafka(*options: str) -> KafkaSettings:
    return resolve([f"--kafka_{option}" for option in options], {}).kafka


def _login(folder: Path, password: str = PASSWORD, username: str = "merger") -> KafkaSettings:
    (folder / "password").write_text(password)
    return _kafka(
        "security_protocol=SASL_PLAINTEXT",
        f"sasl_username={username}",
        f"sasl_password_file={folder / 'password'}",
    )


def test_without_security_only_the_brokers_are_named() -> None:
    assert_that(java_client(_kafka("broker_servers=a:1,b:2")), equal_to({"bootstrap.servers": "a:1,b:2"}))
    assert_that(
        python_client(_kafka("broker_servers=a:1,b:2")),
        has_entries(bootstrap_servers=["a:1", "b:2"], security_protocol="PLAINTEXT"),
    )


def test_java_clients_are_given_references_to_the_secrets(tmp_path: Path) -> None:
    config = java_client(_login(tmp_path))

    assert_that(
        config,
        has_entries(
            {
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
                f'username="merger" password="${{dir:{tmp_path}:password}}\n;',
            }
        ),
    )
    assert_that(config, is_not(has_key("ssl.truststore.location")))
    assert PASSWORD not in json.dumps(config)


def test_a_username_cannot_end_its_quotes(tmp_path: Path) -> None:
    config = java_client(_login(tmp_path, username=r'a"b\c'))
    assert r'username="a\"b\\c" ' in config["sasl.jaas.config"]


def test_python_clients_are_given_the_password(tmp_path: Path) -> None:
    assert_that(
        python_client(_login(tmp_path, f"{PASSWORD}\r\n")),
        has_entries(sasl_plain_username="merger", sasl_plain_password=PASSWORD),
    )


def test_without_a_file_the_password_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ["--kafka_security_protocol=SASL_SSL", "--kafka_sasl_username=u", "--kafka_sasl_mechanism=PLAIN"]
    kafka = resolve(argv, {"KAFKA_SASL_PASSWORD": "of the launcher"}).kafka
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "of this process")
    assert java_client(kafka)["sasl.jaas.config"] == (
        'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" '
        'password="${env:KAFKA_SASL_PASSWORD}\n;'
    )
    assert python_client(kafka)["sasl_plain_password"] == "of this process"


@pytest.mark.parametrize("password", ['a"b', "a\\b", "a\nb"])
def test_a_password_that_java_would_misread_is_refused(password: str, tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"^kafka.sasl.password_file .* has a password with") as refused:
        python_client(_login(tmp_path, password))
    assert password not in str(refused.value)


def test_an_empty_password_is_refused(tmp_path: Path) -> None:
    assert_that(
        calling(python_client).with_args(_login(tmp_path, "\n")),
        raises(
            CredentialsError, r"^kafka.sasl.password_file .* is empty here: it must have the password of merger"
        ),
    )


def test_a_key_that_java_cannot_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN RSA PRIVATE KEY-----")
    kafka = _kafka("security_protocol=SSL", f"ssl_certificate_file={tmp_path}/c", f"ssl_key_file={tmp_path}/key")
    assert_that(calling(python_client).with_args(kafka), raises(CredentialsError, "as PKCS #8, not encrypted"))
    assert java_client(kafka)["ssl.keystore.key"] == f"${{dir:{tmp_path}:key}}"


TIME_IS_UP = KafkaTimeoutError("Unable to bootstrap from a:1")
CLOSED = KafkaConnectionError("socket disconnected")


@pytest.mark.parametrize(
    ("told", "is_said", "says"),
    [
        ([CLOSED, CLOSED, TIME_IS_UP], ConfigError, "disconnected, as where the login is refused"),
        ([KafkaTimeoutError("I/O wait timed out"), CLOSED, TIME_IS_UP], ConfigError, "login is refused"),
        ([KafkaConnectionError("[Errno 104] Connection reset by peer")], ConfigError, "login is refused"),
        (
            [KafkaTimeoutError("late"), SaslAuthenticationFailedError("no")],
            ConfigError,
            "SaslAuthenticationFailed",
        ),
        ([CLOSED, KafkaConnectionError("Handshake failed: why"), TIME_IS_UP], ServiceError, "why"),
        ([KafkaConnectionError("111 ECONNREFUSED"), CLOSED, TIME_IS_UP], ServiceError, "ECONNREFUSED"),
        ([CLOSED, RequestTimedOutError("Request timed out after 2 ms")], ConfigError, "login is refused"),
        ([CLOSED, KafkaConnectionError("Connection timed out")], ConfigError, "login is refused"),
        ([KafkaConnectionError("Connection timed out"), TIME_IS_UP], ServiceError, "Connection timed out"),
        ([TIME_IS_UP], ServiceError, "Unable to bootstrap"),
    ],
    ids=[
        *("closed", "late, closed", "reset", "late, refused", "handshake", "not there"),
        *("closed, out of time", "closed, not there in time", "not there in time", "no answer"),
    ],
)
def test_of_all_that_went_wrong_what_says_most_is_said(
    told: list[KafkaError], is_said: type[Exception], says: str, tmp_path: Path
) -> None:
    def connect() -> None:
        with connecting(_login(tmp_path)):
            for error in told:
                logging.getLogger("kafka.net.manager").error("Connection failed: %s", error)
            raise TIME_IS_UP

    assert_that(connect, raises(is_said, says))
