"""How clients of Kafka connect: Beam's in Java, whose configuration anybody may see, and our own in Python."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from kafka import KafkaConsumer
from kafka.errors import KafkaError, KafkaTimeoutError

from pipeline.configuration.errors import ConfigError, ServiceError
from pipeline.configuration.variables import KAFKA_PASSWORD_VARIABLE, KafkaSettings
from transforms.store.credentials import CredentialsError, read_file, read_password, tls_context

Looked = TypeVar("Looked")

_PROVIDERS = "org.apache.kafka.common.config.provider"
_BOOTSTRAP_TIMEOUT_MS = 15_000
_CLOSED = "socket disconnected", "Connection closed", "Connection reset", "Broken pipe"
_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def java_client(kafka: KafkaSettings) -> dict[str, str]:
    """The configuration of a consumer or producer in Java.

    It travels within the pipeline, and Flink shows it. So it refers to secrets, and Kafka's own config providers
    resolve the references wherever a client is made.
    """
    config = {"bootstrap.servers": kafka.broker_servers}
    if kafka.security_protocol == "PLAINTEXT":
        return config
    config |= {
        "security.protocol": kafka.security_protocol,
        "config.providers": "dir,env",
        "config.providers.dir.class": f"{_PROVIDERS}.DirectoryConfigProvider",
        "config.providers.env.class": f"{_PROVIDERS}.EnvVarConfigProvider",
    }
    if kafka.logs_in:
        config |= {"sasl.mechanism": kafka.sasl_mechanism, "sasl.jaas.config": _jaas_config(kafka)}
    if kafka.ssl_ca_file is not None:
        config |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": kafka.ssl_ca_file}
    if kafka.ssl_certificate_file is not None and kafka.ssl_key_file is not None:
        config |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": _content_of(kafka.ssl_certificate_file),
            "ssl.keystore.key": _content_of(kafka.ssl_key_file),
        }
    return config


def python_client(kafka: KafkaSettings) -> dict[str, Any]:
    """The configuration of a client of kafka-python, with the secrets themselves.

    Raises:
        CredentialsError: if a password or certificate cannot be used on this machine, or not by Java clients.
    """
    config: dict[str, Any] = {
        "bootstrap_servers": kafka.broker_servers.split(","),
        "bootstrap_timeout_ms": _BOOTSTRAP_TIMEOUT_MS,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.logs_in:
        config |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": _password(kafka),
        }
    if kafka.uses_tls:
        if kafka.ssl_key_file is not None:
            _check_key(kafka.ssl_key_file)
        config["ssl_context"] = tls_context(
            "kafka", kafka.ssl_ca_file, kafka.ssl_certificate_file, kafka.ssl_key_file
        )
    return config


def consumer_to_look_at(kafka: KafkaSettings, group_id: str | None = None) -> KafkaConsumer:
    """A consumer that commits nothing; it is assigned nothing yet.

    Args:
        kafka: where.
        group_id: whose offsets it looks at, if any.

    Raises:
        KafkaError: if the brokers cannot be reached, or refuse the login.
        CredentialsError: as `python_client`.
    """
    return KafkaConsumer(
        **python_client(kafka),
        group_id=group_id,
        allow_auto_create_topics=False,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )


@contextmanager
def connecting(kafka: KafkaSettings) -> Iterator[None]:
    """Say in a sentence why a client of kafka-python could not connect, which it tells its log only.

    Raises:
        ServiceError: if no broker answers.
        ConfigError: if the brokers refuse the connection or the login.
    """
    reasons = _Reasons()
    log = logging.getLogger("kafka.net.manager")
    level, propagate = log.level, log.propagate
    log.addHandler(reasons)
    log.setLevel(logging.WARNING)
    log.propagate = False  # one sentence is enough
    try:
        yield
    except KafkaError as e:
        reason = reasons.best or str(e)
        is_refused = not reasons.may_pass or any(word in reason for word in ("SSL", "uthenticat"))
        if _is_closed(reason) and kafka.logs_in:
            reason += ", as where the login is refused"
            is_refused = True
        msg = (
            f"kafka.broker-servers: {kafka.broker_servers} cannot be used "
            f"(kafka.security.protocol is {kafka.security_protocol}): {reason}"
        )
        raise (ConfigError if is_refused else ServiceError)(msg) from e
    finally:
        log.removeHandler(reasons)
        log.setLevel(level)
        log.propagate = propagate


@contextmanager
def looking_at(
    kafka: KafkaSettings, look: Callable[[KafkaConsumer], Looked], group_id: str | None = None
) -> Iterator[Looked]:
    """Connect a consumer, and have what `look` makes of it until it is closed.

    Args:
        kafka: where.
        look: is given the consumer, as `consumer_to_look_at` has it.
        group_id: whose offsets it looks at, if any.

    Raises:
        ServiceError: if no broker answers.
        ConfigError: if the brokers refuse the connection or the login; whatever `look` raises.
    """
    with connecting(kafka):
        consumer = consumer_to_look_at(kafka, group_id)
        try:
            looked = look(consumer)
        except BaseException:
            consumer.close()
            raise
    try:
        yield looked
    finally:
        consumer.close()


class _Reasons(logging.Handler):
    """Keeps, of all errors while connecting, the first of those that say most."""

    best: str | None = None
    may_pass = True
    """Whether the error of `best` is one of those that kafka-python says to try again after."""
    _says = -1

    def emit(self, record: logging.LogRecord) -> None:
        for error in filter(lambda arg: isinstance(arg, Exception), record.args or ()):
            if (says := _says(error)) > self._says:
                self.best, self._says = str(error), says
                self.may_pass = getattr(error, "retriable", False)


def _says(error: object) -> int:
    """How much an error says of why no connection came about; most where trying again does not help.

    A broker that refuses a login closes the connection too, which the client may see first, or alone. That time is
    up says least, of all or of one request, which may have had the last two milliseconds of it: it comes last
    whatever was wrong, and first where the machine is busy.
    """
    if not getattr(error, "retriable", False):
        return 3
    if isinstance(error, KafkaTimeoutError) or "timed out" in str(error):
        return 0
    return 1 if _is_closed(str(error)) else 2


def _is_closed(reason: str) -> bool:
    return any(closed in reason for closed in _CLOSED)


def _jaas_config(kafka: KafkaSettings) -> str:
    """The login, with a reference in place of the password.

    The password has an opening quotation mark and no closing one: Java's tokenizer ends a quoted text at the end
    of the line, and so leaves out the line break at the end of the file, which editors add.
    """
    username = (kafka.sasl_username or "").replace("\\", "\\\\").replace('"', '\\"')
    password = (
        f"${{env:{KAFKA_PASSWORD_VARIABLE}}}"
        if kafka.sasl_password_file is None
        else _content_of(kafka.sasl_password_file)
    )
    return f'{_LOGIN_MODULES[kafka.sasl_mechanism]} required username="{username}" password="{password}\n;'


def _content_of(file: str) -> str:
    path = Path(file)
    return f"${{dir:{path.parent}:{path.name}}}"


def _password(kafka: KafkaSettings) -> str:
    key = "kafka.sasl.password_file"
    password = read_password(key, kafka.sasl_password_file, KAFKA_PASSWORD_VARIABLE) or ""
    source = KAFKA_PASSWORD_VARIABLE if kafka.sasl_password_file is None else f"{key} {kafka.sasl_password_file}"
    if not password:
        msg = f"{source} is empty here: it must have the password of {kafka.sasl_username}."
        raise CredentialsError(msg)
    if not set(password).isdisjoint('"\\\r\n'):
        msg = (
            f"{source} has a password with a quotation mark, a backslash or a line break, which Kafka's Java "
            "clients would read as something else: give the user a password without."
        )
        raise CredentialsError(msg)
    return password


def _check_key(file: str) -> None:
    if "-----BEGIN PRIVATE KEY-----" not in read_file("kafka.ssl.key_file", file):
        msg = (
            f"kafka.ssl.key_file {file} is no private key as PKCS #8, not encrypted, and Kafka's Java clients "
            "read no other: convert it with openssl pkcs8 -topk8 -nocrypt."
        )
        raise CredentialsError(msg)
