"""The store's errors, by what the caller must decide: try again, read the schema anew, or give up."""

from __future__ import annotations

from cassandra import CoordinationFailure, OperationTimedOut, Timeout, Unavailable
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage, ServerError


class StoreError(Exception):
    """An error of Cassandra or the driver, in one line; it cannot pass unless it is a TransientError."""


class TransientError(StoreError):
    """It may pass by itself: try again (design.md, "When something is down")."""


class NoAnswerError(TransientError):
    """Nobody answered, perhaps after a long wait."""


class NoNodeError(NoAnswerError):
    """There was no node that could be asked."""


class SchemaError(StoreError):
    """What is needed of keyspace, tables and data centres is not there, or is another; the message names it."""


_NO_ANSWER = (ConnectionException, OperationTimedOut, Timeout)
_MAY_PASS = (Unavailable, CoordinationFailure, OverloadedErrorMessage, IsBootstrappingErrorMessage, ServerError)


def store_error(error: Exception) -> StoreError:
    """The store's error for one of the driver's."""
    if isinstance(error, NoHostAvailable):
        # The driver has an error for each host; what it says before them is that there are some.
        errors = "; ".join(map(str, error.errors.values())) if isinstance(error.errors, dict) else ""
        return NoNodeError(_one_line(error, errors or str(error)))
    kind = (
        NoAnswerError
        if isinstance(error, _NO_ANSWER)
        else TransientError
        if isinstance(error, _MAY_PASS)
        else StoreError
    )
    return kind(_one_line(error, str(error)))


def _one_line(error: Exception, text: str) -> str:
    return f"{type(error).__name__}: {text}".replace("\n", " ")
