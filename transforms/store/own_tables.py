"""Makes the job's own tables, where an operator asks for it; a run never does."""

from __future__ import annotations

from collections.abc import Mapping

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable

from transforms.settings import CassandraSettings
from transforms.store.cluster import make_cluster

_TIMEOUT_S = 60


class TablesError(RuntimeError):
    """The tables cannot be made; the message says why, in a sentence."""


def make_tables(settings: CassandraSettings, statements: Mapping[str, str]) -> list[str]:
    """Make those tables that are not there yet, with the job's own login.

    Args:
        settings: where, and as whom.
        statements: of each table its name and its CREATE TABLE IF NOT EXISTS.

    Returns:
        the names of those that were not there.

    Raises:
        TablesError: if Cassandra cannot be reached, has no such keyspace, or does not let the user make tables.
        CredentialsError: if the password or a certificate cannot be read.
    """
    where = f"{','.join(settings.hosts)}:{settings.port}"
    cluster = make_cluster(settings)
    try:
        session = cluster.connect()
        keyspace = cluster.metadata.keyspaces.get(settings.keyspace)
        if keyspace is None:
            msg = f"lms-cassandra.keyspace: {where} has no keyspace {settings.keyspace}; the platform makes it."
            raise TablesError(msg)
        missing = [name for name in statements if name not in keyspace.tables]
        session.set_keyspace(settings.keyspace)
        for name in missing:
            session.execute(statements[name], timeout=_TIMEOUT_S)
    except (DriverException, NoHostAvailable) as e:
        errors = "; ".join(map(str, e.errors.values())) if isinstance(e, NoHostAvailable) else str(e)
        msg = f"The tables cannot be made in {settings.keyspace} on {where}: {errors}"
        raise TablesError(msg) from e
    finally:
        cluster.shutdown()
    return missing
