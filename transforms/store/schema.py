"""Tables as they are, and as the job knows them (design.md, "Tables")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cassandra.metadata import TableMetadata

from transforms.store.errors import SchemaError


def check_shape(
    table: TableMetadata,
    variable: str,
    key: Sequence[str],
    types: Mapping[str, str],
    partition: Sequence[str] | None,
) -> None:
    """Check a table's primary key, and the types of the columns that something is done with.

    Args:
        table: the table.
        variable: the configuration variable that decides on it.
        key: the columns of its primary key, in any order; text, unless `types` says otherwise.
        types: the CQL types of the columns that something is done with; they need not be there.
        partition: the columns of its partition key, in any order; None where that differs by release.

    Raises:
        SchemaError: if they are others.
    """
    actual = [column.name for column in table.primary_key]
    if sorted(actual) != sorted(key):
        msg = f"{variable}: the primary key of table {table.name} is ({', '.join(actual)}), not ({', '.join(key)})"
        raise SchemaError(msg)
    in_partition = [column.name for column in table.partition_key]
    if partition is not None and sorted(in_partition) != sorted(partition):
        msg = (
            f"{variable}: the partition key of table {table.name} is ({', '.join(in_partition)}), "
            f"not ({', '.join(partition)})"
        )
        raise SchemaError(msg)
    actual_types = column_types(table)
    for column, expected in {**dict.fromkeys(key, "text"), **types}.items():
        type_ = actual_types.get(column, expected)
        if type_.replace(" ", "").replace("varchar", "text") != expected:
            msg = f"{variable}: column {column} of table {table.name} is of type {type_}, not {expected}"
            raise SchemaError(msg)


def row_columns(table: TableMetadata) -> list[str]:
    """The columns that each row has for itself: static ones are of the partition, and no row's."""
    return [name for name, column in table.columns.items() if not column.is_static]


def column_types(table: TableMetadata) -> dict[str, str]:
    """The CQL type of each column."""
    return {name: column.cql_type for name, column in table.columns.items()}
