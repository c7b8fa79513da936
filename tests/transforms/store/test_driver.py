"""The parts of the driver that are not in its documentation: each is named here, and why it is used.

A release of the driver that lacks one fails here, in words, and not in the middle of a merge.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import ResponseFuture
from cassandra.connection import Connection, DefaultEndPoint
from cassandra.io.asyncioreactor import AsyncioConnection
from cassandra.protocol import ExecuteMessage, ProtocolHandler, ResultMessage
from cassandra.query import BoundStatement, PreparedStatement

from transforms.store.protocol import PROTOCOL_VERSION, UndecodedRows


@pytest.mark.parametrize(
    ("owner", "name", "why"),
    [
        (AsyncioConnection, "initialize_reactor", "LoopConnection runs it on the process's event loop"),
        (AsyncioConnection, "handle_read", "LoopConnection reads by the loop's readers"),
        (AsyncioConnection, "handle_write", "LoopConnection writes when a message is pushed"),
        (AsyncioConnection, "push", "LoopConnection writes when a message is pushed"),
        (Connection, "process_io_buffer", "LoopConnection hands on what it has read"),
        (Connection, "defunct", "LoopConnection tells of a socket that is closed"),
        (Connection, "process_msg", "OwnAnswers refuses an answer that nobody waits for"),
        (Connection, "send_msg", "OwnAnswers refuses an id that is waited with"),
        (Connection, "get_request_id", "OwnAnswers never uses the id 0"),
        (Connection, "orphaned_request_ids", "OwnAnswers knows what the driver has given up"),
        (Connection, "in_buffer_size", "LoopConnection reads more at once"),
        (ResultMessage, "recv_results_rows", "UndecodedRows splits rows itself"),
        (ResultMessage, "recv_results_metadata", "UndecodedRows leaves the metadata to the driver"),
        (UndecodedRows, "message_types_by_opcode", "UndecodedRows takes the place of results"),
        (ProtocolHandler, "encode_message", "UndecodedRows asks for rows without metadata"),
        (ResponseFuture, "add_callbacks", "Requests are awaited"),
        (ResponseFuture, "has_more_pages", "Requests read page by page"),
        (ResponseFuture, "start_fetching_next_page", "Requests read page by page"),
        (BoundStatement, "values", "Write binds values as they are stored"),
        (PreparedStatement, "column_metadata", "Write knows the marks of a statement"),
        (PreparedStatement, "result_metadata", "Read knows the columns of a result"),
    ],
)
def test_the_driver_has(owner: Any, name: str, why: str) -> None:
    assert hasattr(owner, name), f"{owner.__name__}.{name} is gone: {why}"


@pytest.mark.parametrize("name", ["_loop", "_socket", "_iobuf"])
def test_a_connection_of_the_driver_has(name: str) -> None:
    """LoopConnection's socket, its loop and the buffer that process_io_buffer() reads."""
    code = inspect.getsource(AsyncioConnection)
    assert name in code, f"AsyncioConnection.{name} is gone, which LoopConnection uses"


def test_a_connection_knows_what_waits_for_an_answer() -> None:
    """OwnAnswers looks there before it passes an answer on, and before it sends a request."""
    connection = Connection(DefaultEndPoint("127.0.0.1"), protocol_version=PROTOCOL_VERSION)
    assert connection._requests == {}, "Connection._requests is another thing than it was"


def test_results_are_read_by_the_hook_with_the_arguments_that_it_takes() -> None:
    theirs = list(inspect.signature(ResultMessage.recv_results_rows).parameters)
    result = UndecodedRows.message_types_by_opcode[ResultMessage.opcode]
    ours = list(inspect.signature(result.recv_results_rows).parameters)
    assert len(theirs) == len(ours), f"recv_results_rows takes {theirs}"


@pytest.mark.parametrize("query_id", [b"", b"an id", bytes(range(16))])
@pytest.mark.parametrize("page", [{}, {"fetch_size": 100, "paging_state": b"there"}])
def test_of_a_request_only_the_flag_that_skips_metadata_is_changed(query_id: bytes, page: dict[str, Any]) -> None:
    """The driver writes neither the flag nor leaves anything before it: else it were set twice, or elsewhere."""
    message = ExecuteMessage(query_id, [b"a value"], ConsistencyLevel.LOCAL_QUORUM, skip_meta=True, **page)
    message.custom_payload, message.tracing = None, False

    theirs = ProtocolHandler.encode_message(message, 7, PROTOCOL_VERSION, None, False)
    ours = UndecodedRows.encode_message(message, 7, PROTOCOL_VERSION, None, False)

    header, id_size, consistency = 9, 2, 2
    flags_at = header + id_size + len(query_id) + consistency
    values, page_size, paging_state, skip_metadata = 0x01, 0x04, 0x08, 0x02
    flags = values | (page_size | paging_state if page else 0)
    assert theirs[flags_at] == flags
    assert ours == theirs[:flags_at] + bytes([flags | skip_metadata]) + theirs[flags_at + 1 :]


def test_a_statement_whose_columns_nobody_knows_is_sent_as_the_driver_does() -> None:
    message = ExecuteMessage(b"an id", [], ConsistencyLevel.LOCAL_QUORUM, skip_meta=False)
    message.custom_payload, message.tracing = None, False
    arguments = (message, 7, PROTOCOL_VERSION, None, False)
    assert UndecodedRows.encode_message(*arguments) == ProtocolHandler.encode_message(*arguments)
