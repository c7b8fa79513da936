"""How an answer is put out, and the exit code that it has."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, TextIO

from kafka.errors import KafkaError
from rich.console import Console, RenderableType

from pipeline.configuration.errors import ConfigError, ServiceError
from pipeline.operators.options import Output
from transforms.store.credentials import CredentialsError
from transforms.store.errors import StoreError

FORMAT_VERSION = 1
"""Of the JSON: fields may be added to a version, and are never taken away or given another meaning."""

WIDTH = 80
"""Columns of a table, where the terminal does not say."""


class Answer(Protocol):
    """What a command has found out."""

    def tables(self) -> Iterable[RenderableType]:
        """It for people, each part of which is printed below the one before."""

    def fields(self) -> Mapping[str, Any]:
        """It as JSON's fields; of other types than JSON's there may be those of Cassandra's values."""


def as_json(answer: Answer) -> str:
    """The answer as a JSON document, with the version of its format first."""
    fields = {"format_version": FORMAT_VERSION, **answer.fields()}
    return json.dumps(json_value(fields), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_value(value: Any) -> Any:
    """A value of Cassandra's for JSON: times in ISO 8601, bytes in hexadecimal, NaN and infinity as text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if value - value == 0 else str(value)
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case bytes():
            return value.hex()
        case Mapping():
            return {str(json_value(key)): json_value(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [json_value(item) for item in value]
        case _:
            return str(value)


def put_out(answer: Answer, output: Output, formats: Mapping[str, Callable[[], str]] | None = None) -> None:
    """Print the answer, or write it to the file.

    Args:
        answer: the answer.
        output: how.
        formats: what makes its text in each of the command's own formats.

    Raises:
        ConfigError: if the file cannot be written.
    """
    if output.file is None:
        _put(answer, output.format, sys.stdout, formats or {})
        return
    try:
        with open(output.file, "w", encoding="utf-8") as file:
            _put(answer, output.format, file, formats or {})
    except OSError as e:
        msg = f"--output: {output.file} cannot be written: {e.strerror}."
        raise ConfigError(msg) from e


def _put(answer: Answer, format_: str, file: TextIO, formats: Mapping[str, Callable[[], str]]) -> None:
    if format_ == "table":
        console = Console(file=file, highlight=False, width=None if file.isatty() else WIDTH)
        with console.capture() as printed:
            for part in answer.tables():
                console.print(part)
        # Tables are padded to their width.
        file.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())
    else:
        file.write(formats[format_]() if format_ in formats else as_json(answer))


def exit_code(ask: Callable[[], bool]) -> int:
    """Run a command; what went wrong is told on stderr in a sentence.

    Args:
        ask: does it; returns whether the answer is yes.

    Returns:
        0 yes or done, 1 answered, but no, 2 wrong configuration, 3 a service failed before the answer was whole,
        130 interrupted.
    """
    try:
        return 0 if ask() else 1
    except KeyboardInterrupt:
        _tell("Interrupted.")
        return 130
    except (StoreError, KafkaError, ServiceError) as e:
        _tell(f"The answer is not whole, try again: {e}")
        return 3
    except (ConfigError, CredentialsError) as e:
        _tell(str(e))
        return 2


def _tell(sentence: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, style="red", markup=False)
