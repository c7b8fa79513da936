"""What is spoken with Cassandra: rows come undecoded, and go as they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from itertools import chain
from struct import Struct
from typing import Any, BinaryIO

from cassandra.bytesio import BytesIOReader
from cassandra.cqltypes import BytesType
from cassandra.deserializers import make_deserializers
from cassandra.obj_parser import ListParser
from cassandra.parsing import ParseDesc
from cassandra.protocol import BatchMessage, ProtocolHandler, ResultMessage
from cassandra.query import BatchStatement, BatchType

PROTOCOL_VERSION = 4
"""The newest of the native protocol without checksums over all that is sent, which the driver works out in Python;
TCP has its own, and TLS too. It is also the oldest that knows of unset values."""

_PARSER = ListParser()
_INT, _SHORT = Struct(">i"), Struct(">H")

_MOST_STATEMENTS = 0xFFFF
"""Of a batch: their number is sent as two bytes."""

UNSET = _INT.pack(-2)
"""What is sent for a value that leaves the column as it is."""


class _Sizes(dict[int, bytes]):
    """Small sizes are looked up, and large ones, of which there may be many, are made."""

    def __missing__(self, size: int) -> bytes:
        return _INT.pack(size)


SIZES: Mapping[int, bytes] = _Sizes((size, _INT.pack(size)) for size in range(1_024))
"""What is sent before a value: how many bytes it has."""


def statement_as_sent(query_id: bytes, values: int) -> bytes:
    """The beginning of a prepared statement within a batch, after which so many values come."""
    return b"\1" + _SHORT.pack(len(query_id)) + query_id + _SHORT.pack(values)


class _PackedStatements(list[Sequence[bytes]]):
    """What tells a packed batch from others in the driver's message."""


class PackedBatch(BatchStatement):
    """A batch of statements that are packed already; for sessions that speak PackedBatches."""

    def __init__(self, keyspace: str, partition: Sequence[bytes], statements: list[Sequence[bytes]]) -> None:
        """Take the statements.

        Args:
            keyspace: where the rows are.
            partition: the values of the partition key of a row, which says where the request goes.
            statements: of each, what statement_as_sent() gave, and of each value its size and itself, or UNSET.

        Raises:
            ValueError: if there are more than a batch can have.
        """
        if len(statements) > _MOST_STATEMENTS:
            msg = f"{len(statements)} rows are more than the {_MOST_STATEMENTS} that one mutation can have"
            raise ValueError(msg)
        super().__init__(BatchType.UNLOGGED)
        self.keyspace, self.routing_key = keyspace, partition
        self._statements_and_parameters = _PackedStatements(statements)


class PackedBatches(ProtocolHandler):
    """What a session speaks that sends PackedBatch (its client_protocol_handler).

    The driver would write each value of each row by itself, at twice the cost.
    """

    @classmethod
    def encode_message(cls, msg: Any, *args: Any, **kwargs: Any) -> bytes:
        """A message as it is sent; called by the driver."""
        is_packed = isinstance(msg, BatchMessage) and isinstance(msg.queries, _PackedStatements)
        message = _PackedBatchMessage(msg) if is_packed else msg
        return bytes(super().encode_message(message, *args, **kwargs))


class _PackedBatchMessage:
    """The message of a PackedBatch, in place of the driver's."""

    opcode = BatchMessage.opcode

    def __init__(self, message: BatchMessage) -> None:
        self.custom_payload, self.tracing = message.custom_payload, message.tracing
        self._message = message

    def send_body(self, f: BinaryIO, protocol_version: int) -> None:
        """Write all but the header (the native protocol's specification, section BATCH); called by the driver."""
        message, empty = self._message, BytesIO()
        BatchMessage(
            message.batch_type,
            (),
            message.consistency_level,
            message.serial_consistency_level,
            message.timestamp,
            message.keyspace,
        ).send_body(empty, protocol_version)
        without = empty.getvalue()
        f.write(without[:1])
        f.write(_SHORT.pack(len(message.queries)))
        f.write(b"".join(chain.from_iterable(message.queries)))
        f.write(without[3:])


@cache
def _undecoded(columns: int) -> ParseDesc:
    """Describes rows of so many columns to the driver's parser, all of them blobs."""
    types, nothing = [BytesType] * columns, [""] * columns
    return ParseDesc(nothing, types, None, nothing, make_deserializers(types), PROTOCOL_VERSION)


class _UndecodedResult(ResultMessage):
    """A result whose rows are tuples of bytes, None for null."""

    def recv_results_rows(
        self, f: BinaryIO, protocol_version: int, user_types: Any, result_metadata: Any, encryption: Any
    ) -> None:
        """Split the rows into values; called by the driver. The statement knows their names and types."""
        self.recv_results_metadata(f, user_types)
        columns = len(self.column_metadata or result_metadata)
        self.parsed_rows = _PARSER.parse_rows(BytesIOReader(f.read()), _undecoded(columns))


class UndecodedRows(PackedBatches):
    """As PackedBatches, and results are rows of undecoded values."""

    message_types_by_opcode = PackedBatches.message_types_by_opcode | {ResultMessage.opcode: _UndecodedResult}
