"""A Kafka and a Cassandra that take nothing but TLS, a client's certificate, a password, and what is granted."""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Session
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from local import ports, schema
from local.services import cassandra, kafka
from local.settings import HOST, LocalSettings

USER, REPLAYER, SUPPORT = "merger", "replayer", "support"
"""Who runs the job and makes its tables, who replays, and who asks what a merge did; with the same passwords."""

KAFKA_PASSWORD = "k4fka=not to be seen"
CASSANDRA_PASSWORD = "c4ssandra=not to be seen"
SECRETS = (KAFKA_PASSWORD, CASSANDRA_PASSWORD)

_KAFKA_ADMIN = {"sasl_plain_username": "admin", "sasl_plain_password": "admin of this test"}
_LOGIN = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class Files:
    """Certificates and passwords.

    Attributes:
        ca: of the authority that has signed all certificates.
        other_ca: of an authority that has signed none.
        server: certificate and private key of both services, for 127.0.0.1 and no other name.
        certificate: the client's.
        key: its private key.
        kafka_password: of USER.
        cassandra_password: of USER.
    """

    ca: Path
    other_ca: Path
    server: Path
    certificate: Path
    key: Path
    kafka_password: Path
    cassandra_password: Path

    @classmethod
    def make(cls, folder: Path) -> Files:
        """Make them all in a folder."""
        folder.mkdir(parents=True)
        made = cls(*(folder / field.name for field in dataclasses.fields(cls)))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(made.ca))
        trustme.CA().cert_pem.write_to_path(str(made.other_ca))
        server, client = authority.issue_cert(HOST), authority.issue_cert("merger@client.example")
        made.server.write_bytes(_pkcs8(server) + _chain(server))
        made.certificate.write_bytes(_chain(client))
        made.key.write_bytes(_pkcs8(client))
        # With a line break at the end, as editors leave it.
        made.kafka_password.write_text(f"{KAFKA_PASSWORD}\n")
        made.cassandra_password.write_text(f"{CASSANDRA_PASSWORD}\n")
        return made

    def tls(self) -> ssl.SSLContext:
        """The client's side."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.certificate, self.key)
        return context


def _chain(leaf: trustme.LeafCert) -> bytes:
    return b"".join(blob.bytes() for blob in leaf.cert_chain_pems)


def _pkcs8(leaf: trustme.LeafCert) -> bytes:
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class SecureServices:
    """What is up.

    Attributes:
        settings: where it is.
        files: what its clients need.
        session: a session of an administrator of Cassandra.
    """

    settings: LocalSettings
    files: Files
    session: Session

    @property
    def kafka_client(self) -> dict[str, Any]:
        """What clients of kafka-python need, beside the address."""
        return _kafka_client(self.files)


@contextmanager
def secure_services(shared: LocalSettings) -> Iterator[SecureServices]:
    """Start both, and stop them at the end."""
    kafka_port, cassandra_port = ports.free_ports(2)
    settings = dataclasses.replace(
        shared, data_dir=shared.data_dir / "secure", kafka_port=kafka_port, cassandra_port=cassandra_port
    )
    files = Files.make(settings.data_dir / "files")
    driver = {
        "ssl_context": files.tls(),
        # The superuser that every node begins with.
        "auth_provider": PlainTextAuthProvider("cassandra", "cassandra"),
    }
    with ExitStack() as running:
        services = (
            kafka(settings, _kafka_lines(files), _kafka_client(files)),
            cassandra(settings, ["-Dcassandra.superuser_setup_delay_ms=0"], _cassandra_lines(files), driver),
        )
        for service in services:
            running.callback(service.stop)
            service.start()
        for service in services:
            service.wait_ready()
        _make_kafka_users(settings, files)
        session = running.enter_context(schema.connect(settings, None, driver))
        for user in (USER, SUPPORT):
            session.execute("CREATE ROLE %s WITH LOGIN = true AND PASSWORD = %s", (user, CASSANDRA_PASSWORD))
        yield SecureServices(settings, files, session)


def _kafka_client(files: Files) -> dict[str, Any]:
    return {
        "security_protocol": "SASL_SSL",
        "ssl_context": files.tls(),
        "sasl_mechanism": "PLAIN",
        **_KAFKA_ADMIN,
    }


def _make_kafka_users(settings: LocalSettings, files: Files) -> None:
    """PLAIN has its users in the broker's configuration, SCRAM has them in Kafka."""
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_address, **_kafka_client(files))
    try:
        users = [
            UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, KAFKA_PASSWORD, 4096)
            for user in (USER, REPLAYER, SUPPORT)
        ]
        refused = admin.alter_user_scram_credentials(users)
        assert not any(refused.values()), refused
    finally:
        admin.close()


def _kafka_lines(files: Files) -> list[str]:
    admin, password = _KAFKA_ADMIN.values()
    plain = f"{_LOGIN}.plain.PlainLoginModule required"
    users = f'user_{admin}="{password}" user_{USER}="{KAFKA_PASSWORD}"'
    listener = "listener.name.sasl_ssl"
    return [
        f"listeners=SASL_SSL://{HOST}:${{port}},CONTROLLER://{HOST}:${{controller_port}}",
        f"advertised.listeners=SASL_SSL://{HOST}:${{port}}",
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
        "inter.broker.listener.name=SASL_SSL",
        "sasl.mechanism.inter.broker.protocol=PLAIN",
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
        f'{listener}.plain.sasl.jaas.config={plain} username="{admin}" password="{password}" {users};',
        f"{listener}.scram-sha-512.sasl.jaas.config={_LOGIN}.scram.ScramLoginModule required;",
        f"{listener}.ssl.keystore.type=PEM",
        f"{listener}.ssl.keystore.location={files.server}",
        f"{listener}.ssl.truststore.type=PEM",
        f"{listener}.ssl.truststore.location={files.ca}",
        f"{listener}.ssl.client.auth=required",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # The broker itself, which is no user, speaks to its controller.
        f"super.users=User:{admin};User:ANONYMOUS",
    ]


def _cassandra_lines(files: Files) -> list[str]:
    return [
        "authenticator: PasswordAuthenticator",
        "authorizer: CassandraAuthorizer",
        "permissions_validity: 0ms",
        "role_manager: CassandraRoleManager",
        "client_encryption_options:",
        "  enabled: true",
        "  optional: false",
        "  require_client_auth: true",
        "  ssl_context_factory:",
        "    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory",
        f"  keystore: {files.server}",
        f"  truststore: {files.ca}",
    ]
