"""Reads the configuration file: HOCON, as the platform's operators write it."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pyhocon import ConfigFactory, ConfigTree
from pyhocon.exceptions import ConfigException
from pyparsing import ParseBaseException

from pipeline.errors import ConfigError


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
    nodes = dict(_nodes(_parse(path, environ)))
    found = {key: nodes[key] for key in keys if nodes.get(key) is not None}
    if wrong := [key for key, value in found.items() if not _is_plain(value)]:
        lines = [f"{key} in {path} is neither text nor a number: put its value in quotes." for key in wrong]
        raise ConfigError("\n".join(lines))
    return {key: _as_text(value) for key, value in found.items()}


def _parse(path: str, environ: Mapping[str, str]) -> ConfigTree:
    missing: list[str] = []

    def note_missing_include(record: logging.LogRecord) -> bool:
        """Keeps what pyhocon says of a missing include: it only logs a warning, and goes on without the file."""
        if record.levelno == logging.WARNING:
            missing.append(str(record.args[0]) if isinstance(record.args, tuple) else record.getMessage())
        return False

    logger = logging.getLogger("pyhocon.config_parser")
    logger.setLevel(logging.WARNING)  # else a root logger that is set to errors only would hide it from the filter
    logger.addFilter(note_missing_include)
    text = ""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        tree = ConfigFactory.parse_string(text, basedir=str(Path(path).parent), resolve=False)
        if isinstance(tree, ConfigTree):
            names = {name: value for name, value in environ.items() if name.isidentifier()}
            tree = tree.with_fallback(ConfigFactory.from_dict(names))
    except OSError as e:
        msg = f"--config_file {path} cannot be read, {e.filename}: {e.strerror}."
        raise ConfigError(msg) from e
    except UnicodeDecodeError as e:
        msg = f"--config_file {path}, or a file it includes, is not UTF-8: save it as UTF-8."
        raise ConfigError(msg) from e
    except RecursionError as e:
        msg = f"--config_file {path} includes itself: remove the include that closes the circle."
        raise ConfigError(msg) from e
    except ParseBaseException as e:
        file = path if e.pstr == text else f"a file that {path} includes"
        line = e.line.strip() or e.pstr.rstrip().rpartition("\n")[2].strip()
        msg = (
            f"--config_file: {file} is not valid HOCON in or before line {e.lineno}, near {line!r}: "
            "correct it (text with braces or commas needs quotes)."
        )
        raise ConfigError(msg) from e
    except (ConfigException, ImportError, ValueError) as e:
        msg = f"--config_file {path} cannot be used: {str(e).rstrip('.')}."
        raise ConfigError(msg) from e
    finally:
        logger.removeFilter(note_missing_include)
    if missing:
        msg = f"--config_file {path} includes {', '.join(missing)}, which cannot be read: put it there."
        raise ConfigError(msg)
    if not isinstance(tree, ConfigTree):
        msg = f"--config_file {path} is a list: give a file of keys and values."
        raise ConfigError(msg)
    return tree


def _nodes(tree: ConfigTree, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields everything in `tree` by its dotted path, whether the file quotes parts of it or not."""
    for name, value in tree.items():
        path = prefix + name.strip('"')
        yield path, value
        if isinstance(value, ConfigTree):
            yield from _nodes(value, f"{path}.")


def _is_plain(value: Any) -> bool:
    return all(isinstance(part, str | int | float) for part in (value if isinstance(value, list) else [value]))


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_as_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
