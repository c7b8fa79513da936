"""The platform's course tables as its releases leave them, one entry for each migration that changed one of them.

From the platform's public migrations of the keyspace sunbird_courses, V1.82 (assessment_aggregator, which none of
the later ones changes) and V1.102 to V1.145; from the schema in its documentation; and from the tables that its
installers make. Names and types only: what they mean is in docs/design.md, "Tables".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from faults.memory_tables import ACTIVITY_AGG, ASSESSMENTS, CONTENT_CONSUMPTION, ENROLMENTS

CERTIFICATES = "list<frozen<map<text,text>>>"


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        partition: the columns of its partition key, all of them text.
        clustering: the other columns of its primary key, all of them text.
        columns: the types of all other columns, by name.
    """

    partition: tuple[str, ...]
    clustering: tuple[str, ...]
    columns: Mapping[str, str]

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return self.partition + self.clustering

    def plus(self, columns: Mapping[str, str]) -> Table:
        """The table with more columns."""
        return replace(self, columns={**self.columns, **columns})


@dataclass(frozen=True)
class Release:
    """The tables after a migration.

    Attributes:
        name: the migration, or where the tables are described.
        platform: the platform's releases that have these tables.
        differs: what is other than in the row before, for docs/schemas.md.
        merges: what the job does there, for docs/schemas.md.
        tables: the tables by their names.
        indexes: what has a secondary index, as (table, column).
        question: the types of the lists of assessment_aggregator's type question.
        refused: the sentence with which the job refuses to start, in part; None where it merges.
    """

    name: str
    platform: str
    differs: str
    merges: str
    tables: Mapping[str, Table]
    indexes: frozenset[tuple[str, str]] = frozenset()
    question: str = CERTIFICATES
    refused: str | None = None

    def has(self, table: str, column: str) -> bool:
        """Whether the table has the column."""
        return table in self.tables and column in {*self.tables[table].key, *self.tables[table].columns}

    def then(self, name: str, platform: str, differs: str, merges: str, **added: Mapping[str, str]) -> Release:
        """The tables after the next migration, which adds columns, by table."""
        tables = {table: found.plus(added.get(table, {})) for table, found in self.tables.items()}
        return replace(
            self, name=name, platform=platform, differs=differs, merges=merges, tables=tables, refused=None
        )

    def with_table(self, name: str, table: Table) -> Release:
        """This release with a table of another shape, or one more."""
        return replace(self, tables={**self.tables, name: table})


def _columns(**names_of_type: str) -> dict[str, str]:
    return {name: type_ for type_, names in names_of_type.items() for name in names.split()}


def _attempts(partition: tuple[str, ...], clustering: tuple[str, ...]) -> Table:
    columns = _columns(
        timestamp="created_on last_attempted_on updated_on",
        text="grand_total",
        double="total_max_score total_score",
    )
    return Table(partition, clustering, columns | {"question": "list<frozen<question>>"})


_FIRST = Release(
    "V1.102",
    "none",
    "the first with user_enrolments and user_content_consumption; user_activity_agg is not there yet",
    "refused",
    {
        CONTENT_CONSUMPTION: Table(
            ("userid",),
            ("courseid", "batchid", "contentid"),
            _columns(
                int="completedcount progress status viewcount",
                timestamp="datetime",
                text="lastaccesstime lastcompletedtime lastupdatedtime",
            ),
        ),
        ENROLMENTS: Table(
            ("userid",),
            ("courseid", "batchid"),
            _columns(
                boolean="active",
                text="addedby enrolleddate lastreadcontentid",
                timestamp="completedon datetime",
                int="completionpercentage lastreadcontentstatus progress status",
            )
            | {"certificates": CERTIFICATES, "contentstatus": "map<text,int>"},
        ),
        ASSESSMENTS: _attempts(("course_id",), ("batch_id", "user_id", "content_id", "attempt_id")),
    },
    indexes=frozenset(
        {
            (CONTENT_CONSUMPTION, "status"),
            (ENROLMENTS, "status"),
            (ENROLMENTS, "values(certificates)"),
            (ASSESSMENTS, "last_attempted_on"),
        }
    ),
    refused="there is no table user_activity_agg",
)

_AGGREGATES = Table(
    ("activity_type", "activity_id", "user_id"),
    ("context_id",),
    {"agg": "map<text,int>", "agg_last_updated": "map<text,timestamp>"},
)
_V103 = _FIRST.with_table(ACTIVITY_AGG, _AGGREGATES).then(
    "V1.103",
    "3.1",
    "user_activity_agg, with agg and agg_last_updated",
    "merges all four tables",
)
_V108 = _V103.then(
    "V1.108",
    "3.2, 3.3",
    "issued_certificates in user_enrolments",
    "merges certificates and issued_certificates each by itself",
    **{ENROLMENTS: {"issued_certificates": CERTIFICATES}},
)
_V112 = _V108.then(
    "V1.112", "3.4", "certstatus in user_enrolments", "the larger", **{ENROLMENTS: {"certstatus": "int"}}
)
_V114 = replace(
    _V112,
    name="V1.114",
    platform="3.6 to 3.8",
    differs="no secondary indexes any more",
    merges="the same: it reads by primary keys only",
    indexes=frozenset(),
)
_V120 = _V114.then(
    "V1.120",
    "3.9 to 4.4",
    "enrolled_date in user_enrolments; last_access_time, last_completed_time and last_updated_time in "
    "user_content_consumption",
    "times and text dates each by their own rule",
    **{
        ENROLMENTS: {"enrolled_date": "timestamp"},
        CONTENT_CONSUMPTION: _columns(timestamp="last_access_time last_completed_time last_updated_time"),
    },
)
_V138 = _V120.then(
    "V1.138",
    "4.5",
    "aggregates in user_activity_agg",
    "what readers see, agg overlaid by aggregates; a copied row without aggregates gets completedCount",
    **{ACTIVITY_AGG: {"aggregates": "map<text,double>"}},
)
_V140 = _V138.then(
    "V1.140",
    "4.5",
    "agg_details in user_activity_agg",
    "attempts of both; attempts_count is at least their number, and before the larger of both",
    **{ACTIVITY_AGG: {"agg_details": "list<text>"}},
)
_V141 = _V140.then(
    "V1.141",
    "4.6 to 4.9",
    "lastcontentaccesstime in user_enrolments",
    "lastreadcontentid and its status from the side that read later, and before from that of the larger id",
    **{ENROLMENTS: {"lastcontentaccesstime": "timestamp"}},
)
_V145 = _V141.then(
    "V1.145",
    "from 4.10 on",
    "completionpercentage and progressdetails in user_content_consumption",
    "the larger; progressdetails from the side that accessed later",
    **{CONTENT_CONSUMPTION: {"completionpercentage": "float", "progressdetails": "text"}},
)
_DOCUMENTED = replace(
    _V145.with_table(ASSESSMENTS, _attempts(("user_id", "course_id"), ("batch_id", "content_id", "attempt_id"))),
    name="as documented",
    platform="those whose table was made as the documentation has it",
    differs="assessment_aggregator is partitioned by user_id and course_id",
    merges="the same, one mutation a course",
)
_INSTALLER = replace(
    _V145,
    name="installer",
    platform="Spark 1.0.0 to 1.0.2",
    differs="as V1.145, and the lists in the type question are frozen",
    merges="the same: a question is copied as it is stored",
    question=f"frozen<{CERTIFICATES}>",
)
_NEWEST = replace(
    _INSTALLER.with_table(
        CONTENT_CONSUMPTION,
        replace(_V145.tables[CONTENT_CONSUMPTION], clustering=("collectionid", "contextid", "contentid")),
    ).with_table(
        ASSESSMENTS, _attempts(("collection_id",), ("context_id", "user_id", "content_id", "attempt_id"))
    ),
    name="newest installer",
    platform="Spark 1.0.3, 1.1",
    differs="courseid and batchid are collectionid and contextid in user_content_consumption, collection_id and "
    "context_id in assessment_aggregator; user_enrolments keeps its names",
    merges="the same, by these names",
)
_TEST_SCHEMA = replace(
    _V145.with_table(
        ACTIVITY_AGG,
        Table(
            ("activity_type", "activity_id"),
            ("context_id", "user_id"),
            _V145.tables[ACTIVITY_AGG].columns,
        ),
    ),
    name="the platform's own test schema",
    platform="none",
    differs="user_activity_agg is partitioned by activity_type and activity_id alone",
    merges="refused",
    refused="the partition key of table user_activity_agg is (activity_type, activity_id)",
)

RELEASES = (
    *(_FIRST, _V103, _V108, _V112, _V114, _V120, _V138, _V140, _V141, _V145),
    *(_DOCUMENTED, _INSTALLER, _NEWEST, _TEST_SCHEMA),
)
"""In the order in which deployments get them."""

NEWEST_NAMES = {
    CONTENT_CONSUMPTION: {"courseid": "collectionid", "batchid": "contextid"},
    ASSESSMENTS: {"course_id": "collection_id", "batch_id": "context_id"},
}
"""What the newest installer calls columns of older releases."""
