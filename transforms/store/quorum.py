"""Whether the ledger is read and written so that each view counts once (design.md, "Counting each view once")."""

from __future__ import annotations

from collections.abc import Iterator

from cassandra.metadata import KeyspaceMetadata, TableMetadata

from transforms.settings import CassandraSettings

_NODES = {"ONE": 1, "LOCAL_ONE": 1, "TWO": 2, "THREE": 3}
"""The levels that may be below a quorum, by how many replicas answer."""


def ledger_warnings(
    settings: CassandraSettings, keyspace: KeyspaceMetadata, ledger: TableMetadata
) -> Iterator[str]:
    """A sentence for each setting that lets a read of the ledger miss what was written or read before.

    Args:
        settings: the consistency level, and the local data centre where it is given.
        keyspace: of the ledger.
        ledger: the table.
    """
    level, replicas = settings.consistency_level, _replicas(settings, keyspace)
    if level in _NODES and 2 * _NODES[level] <= replicas:
        yield (
            f"lms-cassandra.consistency.level is {level}, which is below a quorum of the {replicas} replicas of"
            f" {keyspace.name}: views may be counted twice or not at all. Set LOCAL_QUORUM."
        )
    # Known from Cassandra 4.0 on.
    if ledger.options.get("read_repair") == "NONE":
        yield f"Views may be counted twice: set read_repair = 'BLOCKING' for {keyspace.name}.{ledger.name}."


def _replicas(settings: CassandraSettings, keyspace: KeyspaceMetadata) -> int:
    """How many replicas there are that may answer."""
    strategy = keyspace.replication_strategy
    by_data_centre: dict[str, int] = getattr(strategy, "dc_replication_factors", {})
    if not by_data_centre:
        return int(getattr(strategy, "replication_factor", 1))
    if settings.consistency_level == "LOCAL_ONE":
        return by_data_centre.get(settings.local_dc or "", max(by_data_centre.values()))
    return sum(by_data_centre.values())
