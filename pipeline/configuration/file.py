"""Reads the configuration file: HOCON, as the platform's operators write it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyhocon import ConfigFactory, ConfigTree, config_parser
from pyhocon.config_tree import ConfigUnquotedString
from pyhocon.exceptions import ConfigException
from pyparsing import ParseBaseException

from pipeline.configuration.errors import ConfigError

# pyhocon makes a number of what looks like one, so that 5.10 would become 5.1 and 007 would become 7. The
# platform's own reader keeps the text. pyhocon converts by these two names, for files that are included too.
config_parser.int = config_parser.float = lambda text, *_: ConfigUnquotedString(text)


def read_config_file(path: str, keys: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Reads the values that a file and those it includes give to some keys; all other keys are ignored.

    Args:
        path: the file.
        keys: the keys to look for, as dotted paths.
        environ: what `${NAME}` and `${?NAME}` mean where the file itself has no NAME.

    Returns:
        the value of each key that has one, as text; a list becomes one text with commas.

    Raises:
        ConfigError: if the file or one it includes cannot be read, or a value is neither text nor number.
    """
    text = ""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        with _missing_includes() as missing:
            tree = ConfigFactory.parse_string(text, basedir=str(Path(path).parent), resolve=False)
        if missing:
            msg = f"--config_file {path} includes {', '.join(missing)}, which cannot be read: put it there."
            raise ConfigError(msg)
        if not isinstance(tree, ConfigTree):
            msg = f"--config_file {path} is a list: give a file of keys and values."
            raise ConfigError(msg)
        names = {name: value for name, value in environ.items() if name.isidentifier()}
        tree = tree.with_fallback(ConfigFactory.from_dict(names))
    except ConfigError:
        raise
    except (OSError, RecursionError, ParseBaseException, ConfigException, ImportError, ValueError) as e:
        raise ConfigError(_sentence(e, path, text)) from e
    nodes = dict(_nodes(tree))
    found = {key: nodes[key] for key in keys if nodes.get(key) is not None}
    if wrong := [key for key, value in found.items() if not _is_plain(value)]:
        lines = [f"{key} in {path} is neither text nor a number: put its value in quotes." for key in wrong]
        raise ConfigError("\n".join(lines))
    return {key: _as_text(value) for key, value in found.items()}


@contextmanager
def _missing_includes() -> Iterator[list[str]]:
    """Collects the files that are missing: pyhocon only logs a warning, and goes on without them."""
    missing: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        if record.levelno == logging.WARNING:
            missing.append(str(record.args[0]) if isinstance(record.args, tuple) else record.getMessage())
        return False

    logger = logging.getLogger("pyhocon.config_parser")
    logger.setLevel(logging.WARNING)  # else a root logger that is set to errors only would hide it from the filter
    logger.addFilter(note)
    try:
        yield missing
    finally:
        logger.removeFilter(note)


def _sentence(error: Exception, path: str, text: str) -> str:
    """Returns what to tell of an error in reading the file at `path`, whose own text is `text`."""
    match error:
        case OSError():
            return f"--config_file {path} cannot be read, {error.filename}: {error.strerror}."
        case UnicodeDecodeError():
            return f"--config_file {path}, or a file it includes, is not UTF-8: save it as UTF-8."
        case RecursionError():
            return f"--config_file {path} includes itself: remove the include that closes the circle."
        case ParseBaseException():
            file = path if error.pstr == text else f"a file that {path} includes"
            line = error.line.strip() or error.pstr.rstrip().rpartition("\n")[2].strip()
            return (
                f"--config_file: {file} is not valid HOCON in or before line {error.lineno}, near {line!r}: "
                "correct it (text with braces or commas needs quotes)."
            )
    return f"--config_file {path} cannot be used: {str(error).rstrip('.')}."


def _nodes(tree: ConfigTree, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields everything in `tree` by its dotted path, whether the file quotes parts of it or not."""
    for name, value in tree.items():
        path = prefix + name.strip('"')
        yield path, value
        if isinstance(value, ConfigTree):
            yield from _nodes(value, f"{path}.")


def _is_plain(value: Any) -> bool:
    return all(isinstance(part, str | bool) for part in (value if isinstance(value, list) else [value]))


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_as_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
