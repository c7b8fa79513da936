"""Rows that no socket takes in one piece, and that no answer brings in one."""

from hamcrest import assert_that, equal_to

from tests.support.tables import Tables
from transforms.rules.content_consumption import BatchWrites
from transforms.rules.rows import RowWrite


def check_large_rows(tables: Tables, account: str) -> None:
    """Write a mutation of 12 MB, Cassandra takes 16, and read it."""
    details = {f"k{number:02}": chr(ord("a") + number) * 1_000_000 for number in range(12)}
    key = {"userid": account, "courseid": "c1", "batchid": "b1"}
    writes = [RowWrite(key | {"contentid": content, "progressdetails": text}) for content, text in details.items()]

    tables.contents.write([BatchWrites("c1", "b1", writes, [])])

    rows = [tables.contents.columns.row(row) for part in tables.contents.parts(account) for row in part]
    read = {row["contentid"]: row["progressdetails"] for row in rows}
    assert_that(list(read), equal_to(list(details)))
    assert_that([content for content in details if read[content] != details[content]], equal_to([]))
