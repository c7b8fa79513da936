"""One keyspace that goes from release to release, as a deployment does: the rows of those before stay in it."""

from __future__ import annotations

from cassandra.cluster import Session

from local import schema
from tests.schemas.releases import Release, Table

_QUESTION = "id text, assess_ts timestamp, max_score double, score double, type text, title text, duration decimal"


class Migrations:
    """A keyspace, and the release whose tables it has.

    Attributes:
        session: a session on it.
    """

    def __init__(self, session: Session, keyspace: str) -> None:
        """Make the keyspace, with the job's own tables only."""
        self.session = session
        self._release: Release | None = None
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
        session.set_keyspace(keyspace)
        schema.apply_merge_tables(session)

    def migrate_to(self, release: Release) -> None:
        """Bring the tables to what the release has: columns are added; a table of another shape is made anew."""
        now = self._release
        tables = dict(now.tables) if now else {}
        if now is None or now.question != release.question:
            tables = {name: table for name, table in tables.items() if "question" not in table.columns}
        for name in now.tables if now else ():
            if name not in tables or not _grows_to(tables[name], release.tables.get(name)):
                self.session.execute(f"DROP TABLE {name}")
                tables.pop(name, None)
        if now is None or now.question != release.question:
            self.session.execute("DROP TYPE IF EXISTS question")
            lists = f"resvalues {release.question}, params {release.question}"
            self.session.execute(f"CREATE TYPE question ({_QUESTION}, {lists}, description text)")
        for name, table in release.tables.items():
            self._bring_to(name, table, tables.get(name))
        for index in sorted((now.indexes if now else frozenset()) ^ release.indexes):
            self._switch_index(*index, on=index in release.indexes)
        self._release = release

    def _bring_to(self, name: str, table: Table, now: Table | None) -> None:
        if now is None:
            columns = {**dict.fromkeys(table.key, "text"), **table.columns}
            key = ", ".join([f"({', '.join(table.partition)})", *table.clustering])
            self.session.execute(f"CREATE TABLE {name} ({_typed(columns)}, PRIMARY KEY ({key}))")
        elif added := {column: type_ for column, type_ in table.columns.items() if column not in now.columns}:
            self.session.execute(f"ALTER TABLE {name} ADD ({_typed(added)})")

    def _switch_index(self, table: str, column: str, *, on: bool) -> None:
        name = f"inx_{table}_{column.removeprefix('values(').removesuffix(')')}"
        statement = f"CREATE INDEX {name} ON {table} ({column})" if on else f"DROP INDEX IF EXISTS {name}"
        self.session.execute(statement)


def _grows_to(table: Table, later: Table | None) -> bool:
    """Whether a table becomes the later one by no more than new columns."""
    same_key = later is not None and (table.partition, table.clustering) == (later.partition, later.clustering)
    return same_key and later is not None and table.columns.items() <= later.columns.items()


def _typed(columns: dict[str, str]) -> str:
    return ", ".join(f"{column} {type_}" for column, type_ in columns.items())
