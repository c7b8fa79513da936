"""What is said of arguments that no option takes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable


def refusals(not_understood: Iterable[str], advise: Callable[[str], str | None]) -> list[str]:
    """Returns a sentence for each argument that a parser did not understand.

    Args:
        not_understood: the arguments.
        advise: what to say of an option; None if it is good after all.
    """
    problems: list[str] = []
    after_option = False
    for argument in not_understood:
        option = argument.partition("=")[0]  # what follows may be secret
        if option.startswith("-"):
            if advice := advise(option):
                problems.append(advice)
        elif not after_option:
            problems.append(f"{argument!r} belongs to no option: options start with --, see --help.")
        after_option = option.startswith("-") and "=" not in argument
    return problems


def no_such_option(option: str, known: Iterable[str]) -> str:
    """Returns a sentence that refuses an option and names the nearest that there is."""
    near = difflib.get_close_matches(option.lower(), list(known), n=1)
    return f"{option} is not an option: {f'did you mean {near[0]}?' if near else 'see --help.'}"
