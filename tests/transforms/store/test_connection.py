"""No request is given the answer to another, whatever a node sends."""

from __future__ import annotations

from typing import Any

import pytest
from cassandra.connection import Connection, ConnectionShutdown, DefaultEndPoint, _Frame
from cassandra.protocol import OptionsMessage
from hamcrest import assert_that, calling, equal_to, has_length, is_, raises

from local.schema import LocalConnection
from transforms.store.connection import LoopConnection
from transforms.store.stream_ids import OwnAnswers


@pytest.fixture(params=[LoopConnection, LocalConnection])
def connection(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> OwnAnswers:
    """One of the job's or of the local tools', that is not connected, whose requests go nowhere."""
    connection: OwnAnswers = request.param.__new__(request.param)
    Connection.__init__(connection, DefaultEndPoint("127.0.0.1"), protocol_version=4)
    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr(connection, "push", lambda data: None)
    return connection


def _ask(connection: OwnAnswers, stream_id: int) -> list[Any]:
    answers: list[Any] = []
    connection.send_msg(OptionsMessage(), stream_id, answers.append)
    return answers


def _answer(connection: OwnAnswers, stream_id: int) -> None:
    """READY, which has no body."""
    connection.process_msg(_Frame(4, 0, stream_id, 2, 9, 9), b"")


def test_no_request_has_the_id_0_on_which_cassandra_refuses_any(connection: OwnAnswers) -> None:
    ids = [connection.get_request_id() for _ in range(500)]

    assert_that(ids, equal_to(list(range(1, 501))))


def test_a_refusal_on_the_id_0_ends_the_connection(connection: OwnAnswers) -> None:
    answers = _ask(connection, connection.get_request_id())

    _answer(connection, 0)

    assert_that([type(answer) for answer in answers], equal_to([ConnectionShutdown]))


def test_a_second_answer_ends_the_connection_and_frees_no_id(connection: OwnAnswers) -> None:
    stream_id = connection.get_request_id()
    answers = _ask(connection, stream_id)
    _answer(connection, stream_id)

    _answer(connection, stream_id)

    assert_that(answers, has_length(1))
    assert_that(connection.is_defunct, is_(True))
    assert_that(connection.request_ids.count(stream_id), equal_to(1))


def test_a_late_answer_to_what_the_driver_has_given_up_ends_nothing(connection: OwnAnswers) -> None:
    stream_id = connection.get_request_id()
    _ask(connection, stream_id)
    del connection._requests[stream_id]
    connection.orphaned_request_ids.add(stream_id)

    _answer(connection, stream_id)

    assert_that(connection.is_defunct, is_(False))
    assert_that(connection.request_ids.count(stream_id), equal_to(1))


def test_an_id_that_is_waited_with_is_not_given_to_another_request(connection: OwnAnswers) -> None:
    answers = _ask(connection, 7)

    assert_that(calling(_ask).with_args(connection, 7), raises(ConnectionShutdown, "in use already"))

    assert_that(connection.is_defunct, is_(True))
    assert_that([type(answer) for answer in answers], equal_to([ConnectionShutdown]))
