"""How results are read: rows stay undecoded, by the hook that the driver documents (custom protocol handlers)."""

from __future__ import annotations

from struct import Struct
from typing import Any, BinaryIO

from cassandra.protocol import ExecuteMessage, ProtocolHandler, ResultMessage

from transforms.rules.rows import StoredRow

PROTOCOL_VERSION = 4
"""The newest of the native protocol without checksums over all that is sent, which the driver works out in Python;
TCP has its own, and TLS too. It is also the oldest that knows of unset values."""

_HEADER_BYTES, _BYTES_OF_A_SHORT = 9, 2
_SKIP_METADATA = 0x02
"""The native protocol's specification, sections Frame header and QUERY."""

_size = Struct(">i").unpack_from


class _UndecodedResult(ResultMessage):
    """A result whose rows are tuples of bytes, None for null."""

    def recv_results_rows(
        self, f: BinaryIO, protocol_version: int, user_types: Any, result_metadata: Any, encryption: Any
    ) -> None:
        """Split the rows into values; called by the driver. The statement knows their names and types."""
        self.recv_results_metadata(f, user_types)
        self.parsed_rows = undecoded_rows(f.read(), len(self.column_metadata or result_metadata))


class UndecodedRows(ProtocolHandler):
    """What a session speaks whose results are rows of undecoded values (its client_protocol_handler).

    Messages must not be compressed.
    """

    message_types_by_opcode = ProtocolHandler.message_types_by_opcode | {ResultMessage.opcode: _UndecodedResult}

    @classmethod
    def encode_message(
        cls, msg: Any, stream_id: int, protocol_version: int, compressor: Any, allow_beta_protocol_version: bool
    ) -> bytes:
        """The bytes of a request; one that executes a statement asks for rows without names and types of columns.

        These are known since the statement was prepared. The driver notes in `skip_meta` that they can go,
        but does not say so to Cassandra, which then sends them with each page, for the driver to read them again.
        """
        encoded: bytes = super().encode_message(
            msg, stream_id, protocol_version, compressor, allow_beta_protocol_version
        )
        if not (isinstance(msg, ExecuteMessage) and msg.skip_meta):
            return encoded
        flags_at = _HEADER_BYTES + _BYTES_OF_A_SHORT + len(msg.query_id) + _BYTES_OF_A_SHORT
        return encoded[:flags_at] + bytes([encoded[flags_at] | _SKIP_METADATA]) + encoded[flags_at + 1 :]


def undecoded_rows(content: bytes, columns: int) -> list[StoredRow]:
    """The rows in the content of a result (the native protocol's specification, section Rows).

    Args:
        content: how many rows there are, and of each value its size and itself; the size of null is negative.
        columns: how many values a row has.
    """
    (rows,) = _size(content)
    values: list[bytes | None] = []
    append, at = values.append, 4
    for _ in range(rows * columns):
        start = at + 4
        (size,) = _size(content, at)
        if size < 0:
            append(None)
            at = start
        else:
            at = start + size
            append(content[start:at])
    remaining = iter(values)
    return list(zip(*[remaining] * columns, strict=True))
