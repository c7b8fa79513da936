"""What the stages need to know of the configuration; pickled to the workers, so no secret is ever in it."""

import os
from dataclasses import dataclass
from pathlib import Path

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
    retry_seconds: float

    def password(self) -> str | None:
        """Reads the password where it is used: from `password_file`, else from LMS_CASSANDRA_PASSWORD.

        Returns:
            the password, or None where there is none.

        Raises:
            RuntimeError: if this worker cannot read the file.
        """
        if self.password_file is None:
            return os.environ.get(PASSWORD_VARIABLE)
        try:
            return Path(self.password_file).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as e:
            msg = f"lms-cassandra.password_file {self.password_file} cannot be read here: {e.strerror}."
            raise RuntimeError(msg) from e


@dataclass(frozen=True, slots=True)
class MergeSettings:
    """How accounts are merged and what is asked for afterwards."""

    merge_ledger: bool
    course_date_format: str
    course_batch_updater_action: str
