"""What the stages need to know of the configuration; pickled to the workers, so no secret is ever in it."""

import ssl
from dataclasses import dataclass

from transforms.credentials import read_password, tls_context

PASSWORD_VARIABLE = "LMS_CASSANDRA_PASSWORD"  # noqa: S105 - the name of the variable, not a password


@dataclass(frozen=True, slots=True)
class CassandraSettings:
    """Where the tables are and how they are reached."""

    hosts: tuple[str, ...]
    port: int
    keyspace: str
    content_consumption_table: str
    user_enrolments_table: str
    user_activity_agg_table: str
    consistency_level: str
    local_dc: str | None
    username: str | None
    password_file: str | None
    ssl_enabled: bool
    ssl_ca_file: str | None
    ssl_certificate_file: str | None
    ssl_key_file: str | None
    ssl_hostname_verification: bool
    retry_seconds: float

    def password(self) -> str | None:
        """Reads the password where it is used: from `password_file`, else from LMS_CASSANDRA_PASSWORD.

        Returns:
            the password, or None where there is none.

        Raises:
            CredentialsError: if this worker cannot read the file.
        """
        return read_password("lms-cassandra.password_file", self.password_file, PASSWORD_VARIABLE)

    def tls(self) -> ssl.SSLContext | None:
        """Reads the certificates where they are used.

        Returns:
            how connections are secured, or None where they are not.

        Raises:
            CredentialsError: if this worker cannot use a file.
        """
        if not self.ssl_enabled:
            return None
        return tls_context(
            "lms-cassandra",
            self.ssl_ca_file,
            self.ssl_certificate_file,
            self.ssl_key_file,
            verify_hostname=self.ssl_hostname_verification,
        )


@dataclass(frozen=True, slots=True)
class MergeSettings:
    """How accounts are merged and what is asked for afterwards."""

    merge_ledger: bool
    course_date_format: str
    course_batch_updater_action: str
