"""The options of a replay: the job's own for Kafka, and which failed events."""

from __future__ import annotations

import dataclasses
import re
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pipeline.configuration.options import Page
from pipeline.configuration.settings import read_configuration
from pipeline.configuration.variables import JOB_ENV, KAFKA_CLIENT, VARIABLES, KafkaSettings, per_second
from pipeline.replay.selection import Selection
from transforms.format_failed_events import DATA_ERROR, INVALID_EVENT
from transforms.variables import fill

ALL = "all"

_T = TypeVar("_T")

_VARIABLES = (
    JOB_ENV,
    *KAFKA_CLIENT,
    # Without the ledger a replay is not harmless.
    *(variable for variable in VARIABLES if variable.option == "merge_ledger"),
)

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TIME = "give a duration before now like 90s, 30m, 2h or 7d, or a time with its zone like 2026-01-31T22:00:00Z"

_DESCRIPTION = f"""\
Publishes the original events of failed ones to the input topic again, for the running job (or the
next local run) to merge. Merging is idempotent, so replaying too much, or twice, is harmless.
Without filters, all that failed with {DATA_ERROR} is replayed, each event once, however often it
failed. The variables are those of the job."""

_EPILOG = """\
examples:
  see what failed in the last two hours, and publish nothing:
    %(prog)s --config_file=job.conf --since=2h --dry_run
  replay it:
    %(prog)s --config_file=job.conf --since=2h
  replay all that failed, ten events a second:
    %(prog)s --config_file=job.conf --rate=10
  replay all that concerns one account, whatever was wrong with it:
    %(prog)s --config_file=job.conf --error_code=all --account=191e6b5a-8581-46bd-b779-b3b534984649

exit codes: 0 done, 1 some could not be published (it says what to do), 2 wrong configuration, 130 interrupted"""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to replay, and where.

    Attributes:
        kafka: brokers and topics.
        selection: which failed events.
        dry_run: whether they are only shown.
        merge_ledger: whether the job counts each view once; without it a replay may count views again.
        per_second: how many events are published in a second, at most; None for as many as can be.
    """

    kafka: KafkaSettings
    selection: Selection
    dry_run: bool
    merge_ledger: bool
    per_second: float | None


def read_options(argv: Sequence[str], environ: Mapping[str, str], now: datetime) -> ReplayOptions:
    """Reads the command line, the environment and the configuration file; `--help` prints the help and exits.

    Args:
        argv: the command line.
        environ: the environment.
        now: what durations are counted back from.

    Raises:
        ConfigError: with a sentence for everything that is wrong.
    """
    page = Page("merge-user-courses replay", _DESCRIPTION, _EPILOG, _add_options, _VARIABLES)
    configuration = read_configuration(argv, environ, page)
    given = configuration.command_line.options
    problems: list[str] = []

    def parse(option: str, text: str | None, parse_text: Callable[[str], _T]) -> _T | None:
        try:
            return None if text is None else parse_text(text)
        except ValueError as e:
            problems.append(f"--{option} is {text!r}: {e}.")
            return None

    since, until = (
        parse(name, getattr(given, name), lambda text: moment(text, now)) for name in ("since", "until")
    )
    if since and until and since >= until:
        problems.append(f"--since {given.since} is not before --until {given.until}: exchange them.")
    codes = [parse("error_code", code, _error_code) for code in given.error_code or [DATA_ERROR]]
    pace = parse("rate", given.rate, per_second)
    accounts = [parse("account", account, _account) for account in given.account or []]
    configuration = dataclasses.replace(configuration, problems=(*configuration.problems, *problems))
    parsed = configuration.parse()
    return ReplayOptions(
        kafka=fill(KafkaSettings, parsed),
        selection=Selection(
            error_codes=None if ALL in codes else frozenset(filter(None, codes)),
            accounts=frozenset(filter(None, accounts)),
            since=since,
            until=until,
        ),
        dry_run=given.dry_run,
        merge_ledger=parsed["merge_ledger"],
        per_second=pace,
    )


def _add_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("Replay")
    group.add_argument(
        "--dry_run", action="store_true", help="show the events that would be published, and publish nothing"
    )
    group.add_argument(
        "--since",
        metavar="TIME",
        help="only what failed at or after this time: a duration before now (90s, 30m, 2h, 7d), or ISO 8601 with "
        "a time zone (2026-01-31T22:00:00Z, 2026-02-01T03:30:00+05:30); default: all that the topic still has",
    )
    group.add_argument("--until", metavar="TIME", help="only what failed before this time; as --since")
    group.add_argument(
        "--error_code",
        metavar="CODE",
        action="append",
        help=f"only what failed with this code; may be given again. {DATA_ERROR} (the default): the merge failed, "
        f"so it may succeed now. {INVALID_EVENT}: refused as no valid event, so it fails again unless the job "
        f"has changed. {ALL}: whatever the code",
    )
    group.add_argument(
        "--account",
        metavar="ID",
        action="append",
        help="only events that merge this account, or into it; may be given again",
    )
    group.add_argument(
        "--rate",
        metavar="EVENTS",
        help="publish no more events than this in a second, so that what comes from the platform is merged beside "
        "them; default: as fast as the brokers take them",
    )


def moment(text: str, now: datetime) -> datetime:
    """A time as an option gives it: a duration before now, or in ISO 8601 with a zone; raises ValueError."""
    if duration := re.fullmatch(r"([0-9]{1,9})([smhd])", text.strip()):
        try:
            return now - timedelta(**{_UNITS[duration[2]]: int(duration[1])})
        except OverflowError:
            raise ValueError(_TIME) from None
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(_TIME) from None
    if time.tzinfo is None:
        msg = f"add its time zone, as in {text.strip()}Z for UTC" if "T" in text else _TIME
        raise ValueError(msg)
    return time.astimezone(UTC)


def _error_code(text: str) -> str:
    if text not in {DATA_ERROR, INVALID_EVENT, ALL}:
        msg = f"give {DATA_ERROR}, {INVALID_EVENT} or {ALL}"
        raise ValueError(msg)
    return text


def _account(text: str) -> str:
    if not text.strip():
        msg = "give the id of an account"
        raise ValueError(msg)
    return text
