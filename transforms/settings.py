"""What the stages need to know of the configuration; pickled to the workers, so no secret is ever in it."""

import ssl

from transforms.logs import LogSettings
from transforms.rules.dates import TextDates
from transforms.store.credentials import read_password, tls_context
from transforms.variables import (
    check,
    host,
    not_blank,
    one_of,
    optional,
    port,
    seconds,
    settings,
    switch,
    variable,
    whole,
)

PASSWORD_VARIABLE = "LMS_CASSANDRA_PASSWORD"  # noqa: S105 - the name of the variable, not a password

_LONGEST_TTL_DAYS = 7_300
"""Cassandra's own limit, 20 years."""

# The others are for only reads, only writes or only conditional updates; the merge reads and writes.
_consistency_level = one_of("ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM", "LOCAL_ONE")


@check("give host names or addresses without a port, separated by commas")
def _hosts(text: str) -> tuple[str, ...]:
    return tuple(host(part.strip()) for part in text.split(","))


@check("give a CQL name: a letter, then at most 47 letters, digits and '_'")
def _cql_name(text: str) -> str:
    """Returns the name as Cassandra stores one that was created without quotes."""
    return whole(r"[a-zA-Z][a-zA-Z0-9_]{0,47}", text).lower()


@check(f"give a whole number of days from 0 to {_LONGEST_TTL_DAYS}")
def _ttl_days(text: str) -> int:
    days = int(whole(r"[0-9]{1,4}", text))
    if days > _LONGEST_TTL_DAYS:
        raise ValueError(text)
    return days


def _date_format(text: str) -> str:
    try:
        TextDates(text)
    except ValueError as e:
        msg = f"give a pattern like 'yyyy-MM-dd HH:mm:ss:SSSZ' ({e})"
        raise ValueError(msg) from e
    return text


@settings
class CassandraSettings:
    """Where the tables are and how they are reached.

    Attributes:
        hosts: the nodes to connect to first, separated by commas
        port: their CQL port
        keyspace: the keyspace of all tables
        content_consumption_table: progress of one content in one batch
        user_enrolments_table: enrolment in one batch
        user_activity_agg_table: per-course aggregates
        assessment_aggregator_table: attempts at assessments; empty: they are not merged
        consistency_level: the consistency level of reads and writes
        local_dc: the data centre whose nodes are used; needed where there is more than one
        username: the user to log in as; without it nobody logs in
        password_file: the file, on the workers, with the user's password; without it LMS_CASSANDRA_PASSWORD has it
        ssl_enabled: on: connect with TLS
        ssl_ca_file: the PEM file, on the workers, with the authorities that sign nodes' certificates; without it
            those that the system trusts
        ssl_certificate_file: the PEM file, on the workers, with the client's own certificate, for nodes that ask
            for one
        ssl_key_file: the PEM file with its private key, not encrypted
        ssl_hostname_verification: off: accept a certificate that is for another host
        retry_seconds: how long an error that may pass is retried before the event fails
    """

    hosts: tuple[str, ...] = variable("lms-cassandra.host", "localhost", _hosts)
    port: int = variable("lms-cassandra.port", "9042", port)
    keyspace: str = variable("lms-cassandra.keyspace", "sunbird_courses", _cql_name)
    content_consumption_table: str = variable(
        "lms-cassandra.content_consumption.table", "user_content_consumption", _cql_name
    )
    user_enrolments_table: str = variable("lms-cassandra.user_enrolments.table", "user_enrolments", _cql_name)
    user_activity_agg_table: str = variable(
        "lms-cassandra.user_activity_agg.table", "user_activity_agg", _cql_name
    )
    assessment_aggregator_table: str | None = variable(
        "lms-cassandra.assessment_aggregator.table", "assessment_aggregator", optional(_cql_name)
    )
    consistency_level: str = variable("lms-cassandra.consistency.level", "LOCAL_QUORUM", _consistency_level)
    local_dc: str | None = variable("lms-cassandra.local.dc", "", optional(not_blank))
    username: str | None = variable("lms-cassandra.username", "", optional(not_blank))
    password_file: str | None = variable("lms-cassandra.password_file", "", optional(not_blank))
    ssl_enabled: bool = variable("lms-cassandra.ssl.enabled", "off", switch)
    ssl_ca_file: str | None = variable("lms-cassandra.ssl.ca_file", "", optional(not_blank))
    ssl_certificate_file: str | None = variable("lms-cassandra.ssl.certificate_file", "", optional(not_blank))
    ssl_key_file: str | None = variable("lms-cassandra.ssl.key_file", "", optional(not_blank))
    ssl_hostname_verification: bool = variable("lms-cassandra.ssl.hostname_verification", "on", switch)
    retry_seconds: float = variable("cassandra.retry.seconds", "60", seconds)

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


@settings
class MergeSettings:
    """How accounts are merged and what is asked for afterwards.

    Attributes:
        merge_ledger: on: count each view once, whatever is repeated; off: the plain sums of the reference
        course_date_format: the Java pattern of the text dates
        course_batch_updater_action: the action written into batch-enrolment-sync requests
        history_ttl_days: for how many days user_merge_history keeps what became of an event; 0: it is not written
        log: what workers log
    """

    merge_ledger: bool = variable("merge.ledger", "on", switch)
    course_date_format: str = variable("course.date.format", "yyyy-MM-dd HH:mm:ss:SSSZ", _date_format)
    course_batch_updater_action: str = variable("course.batch.updater.action", "batch-enrolment-sync", not_blank)
    history_ttl_days: int = variable("history.ttl.days", "730", _ttl_days)
    log: LogSettings = LogSettings(level="INFO", format="text")

    @property
    def keeps_history(self) -> bool:
        """Whether user_merge_history is written; without the merge log, nobody could find an account's merges."""
        return self.merge_ledger and self.history_ttl_days > 0
