"""How a variable of the configuration is declared: as the field of the settings that it fills."""

from __future__ import annotations

import dataclasses
import inspect
import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, dataclass_transform

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Variable:
    """A variable and all that is known of it.

    Attributes:
        key: its key in a configuration file; None where it can only be given as an option.
        default: its value, as text, where nobody gives one; empty for none.
        parse: turns its text into its value, or raises ValueError with what to give instead.
        option: its option, without the dashes: the key with underscores, but for a few.
        help: what it is, in a few words: what the docstring of the settings says of the field.
        group: the heading it is shown under.
    """

    key: str | None
    default: str
    parse: Callable[[str], Any]
    option: str
    help: str = ""
    group: str = ""

    @property
    def name(self) -> str:
        """What messages call it: its key, or its option where it has no key."""
        return self.key or f"--{self.option}"

    @property
    def environment(self) -> str | None:
        """The environment variable that sets it; None where it can only be given as an option."""
        return None if self.key is None else _underscored(self.key).upper()


def variable(key: str | None, default: str, parse: Callable[[str], T], *, option: str = "") -> T:
    """Declares a field that is a variable; see Variable."""
    declared = Variable(key, default, parse, option or _underscored(key or ""))
    return cast(T, dataclasses.field(metadata={"variable": declared}))


def _underscored(key: str) -> str:
    return re.sub(r"[.-]", "_", key)


@dataclass_transform(frozen_default=True, field_specifiers=(variable,))
def settings(record: type[T]) -> type[T]:
    """Makes settings of a class: a dataclass whose fields are variables, explained in its docstring."""
    return dataclasses.dataclass(frozen=True, slots=True)(record)


def variables_of(record: type, group: str = "") -> dict[str, Variable]:
    """Returns the variables of settings, by field."""
    lines = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", inspect.getdoc(record) or "", re.MULTILINE)
    helps = {name: " ".join(text.split()) for name, text in lines}
    declared = {field.name: field.metadata.get("variable") for field in dataclasses.fields(record)}
    return {
        n: dataclasses.replace(v, help=helps.get(n, ""), group=group) for n, v in declared.items() if v is not None
    }


def fill(record: type[T], values: Mapping[str, Any], **more: Any) -> T:
    """Returns settings from the values of variables, by option; a variable that has none there is None."""
    return record(**{name: values.get(v.option) for name, v in variables_of(record).items()}, **more)


def check(instruction: str) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Makes a check of a function that raises ValueError or KeyError: its message is what to give instead."""

    def decorate(convert: Callable[[str], T]) -> Callable[[str], T]:
        def parse(text: str) -> T:
            try:
                return convert(text)
            except (ValueError, KeyError):
                raise ValueError(instruction) from None

        return parse

    return decorate


def whole(pattern: str, text: str) -> str:
    """Returns `text` if a pattern matches all of it, else raises ValueError."""
    if re.fullmatch(pattern, text) is None:
        raise ValueError(text)
    return text


def matching(pattern: str, instruction: str) -> Callable[[str], str]:
    """Returns a check of text that a pattern matches as a whole."""
    return check(instruction)(lambda text: whole(pattern, text))


def one_of(*choices: str) -> Callable[[str], str]:
    """Returns a check of a choice, given in whatever case."""
    by_letters = {choice.lower(): choice for choice in choices}
    return check(f"give one of {', '.join(choices)}")(lambda text: by_letters[text.lower()])


def optional(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """Returns a check that takes empty text for None."""
    return lambda text: parse(text) if text else None


not_blank = matching(r"(?s).+", "give a value that is not blank")


@check("give on or off")
def switch(text: str) -> bool:
    """Checks whether something is on or off."""
    return {"on": True, "true": True, "off": False, "false": False}[text.lower()]


@check("give a number of seconds, 0 or more")
def seconds(text: str) -> float:
    """Checks a duration in seconds."""
    number = float(text)
    if not 0 <= number < math.inf:
        raise ValueError(text)
    return number


def host(text: str) -> str:
    """Checks a host name or an address; digits alone are a port in the wrong place."""
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return whole(r"(?!\d+$)[a-zA-Z0-9._-]+", text)


@check("give a port, a whole number from 1 to 65535")
def port(text: str) -> int:
    """Checks a port."""
    number = int(whole(r"[0-9]{1,5}", text))
    if not 1 <= number <= 65535:
        raise ValueError(text)
    return number
