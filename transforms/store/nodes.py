"""The nodes of the cluster: those of one data centre are used, and they should be Cassandra's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cassandra.pool import Host

from transforms.store.errors import SchemaError

_YUGABYTE_RELEASE = "3.9-SNAPSHOT"
"""The release in system.local of YugabyteDB, whatever its version; no release of Cassandra is called so."""


def check_data_centre(hosts: Iterable[Host], local_dc: str | None) -> None:
    """Check that it is known which data centre's nodes are used.

    Otherwise each process would take that of the first node that answers, and LOCAL_QUORUM would mean other
    replicas after a restart, which may not have what was written before (docs/operations.md, "More than one data
    centre").

    Args:
        hosts: all nodes of the cluster, as far as they are known.
        local_dc: the data centre that is configured, if any.

    Raises:
        SchemaError: if there are several and none is configured, or if the configured one is not among them.
    """
    there = sorted({host.datacenter for host in hosts if host.datacenter})
    if not local_dc and len(there) > 1:
        msg = f"lms-cassandra.local.dc: the cluster has the data centres {', '.join(there)}; set it to one of them"
        raise SchemaError(msg)
    if local_dc and there and local_dc not in there:
        msg = f"lms-cassandra.local.dc: the cluster has no data centre {local_dc}, but {', '.join(there)}"
        raise SchemaError(msg)


def server_warnings(hosts: Iterable[Host]) -> Iterator[str]:
    """A sentence where the nodes are not Cassandra's."""
    if any(host.release_version == _YUGABYTE_RELEASE for host in hosts):
        yield (
            f"This is YugabyteDB (release_version in system.local is {_YUGABYTE_RELEASE}), on which the job has "
            "never run: its documents warn of tables that one writer writes with USING TIMESTAMP and another "
            "without, as the job and the platform do. docs/schemas.md says what has to be tried first."
        )
