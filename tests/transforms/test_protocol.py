"""Batches as the driver sends them, and those of packed rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from cassandra.protocol import BatchMessage, ProtocolHandler, QueryMessage
from cassandra.query import UNSET_VALUE, BatchType
from hamcrest import assert_that, calling, equal_to, raises

from transforms.protocol import SIZES, UNSET, PackedBatch, PackedBatches, statement_as_sent

ID = b"0123456789abcdef"


def encoded(protocol: Any, message: Any) -> bytes:
    message.tracing, message.custom_payload = False, None
    encode = protocol.encode_message
    return bytes(encode(message, 7, protocol_version=4, compressor=None, allow_beta_protocol_version=False))


def batch(queries: Sequence[Any], **options: Any) -> BatchMessage:
    return BatchMessage(BatchType.UNLOGGED, queries, 6, timestamp=1_648_641_600_005_000, **options)


@pytest.mark.parametrize("options", [{}, {"serial_consistency_level": 8}], ids=str)
@pytest.mark.parametrize(
    "rows", [[[b"abc"]], [[b"", None], [b"a" * 1_023, b"b" * 1_024]], [[None]] * 300], ids=["one", "sizes", "many"]
)
def test_a_packed_batch_is_sent_as_the_drivers(rows: list[list[bytes | None]], options: dict[str, Any]) -> None:
    theirs = [(True, ID, [UNSET_VALUE if value is None else value for value in row]) for row in rows]
    ours = [
        [
            statement_as_sent(ID, len(row)),
            *(UNSET if value is None else SIZES[len(value)] + value for value in row),
        ]
        for row in rows
    ]
    message = batch(PackedBatch("keyspace", [b"a"], ours)._statements_and_parameters, **options)
    expected = encoded(ProtocolHandler, batch(theirs, **options))

    assert_that(encoded(PackedBatches, message), equal_to(expected))
    assert_that(encoded(PackedBatches, message), equal_to(expected), "the driver encodes it again to try again")


def test_other_messages_are_the_drivers() -> None:
    for message in QueryMessage("SELECT", 6), batch([(True, ID, [b"abc"])]):
        assert_that(encoded(PackedBatches, message), equal_to(encoded(ProtocolHandler, message)))


def test_more_statements_than_a_batch_can_have_are_refused_by_their_number() -> None:
    assert_that(
        calling(PackedBatch).with_args("keyspace", [b"a"], [[b""]] * 65_536),
        raises(ValueError, "65536 rows are more than the 65535"),
    )
