"""The options of a replay: the job's own for Kafka, and which failed events."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pipeline.options import CommandLine, Parser, add_options, given_variables, no_such_option, refusals
from pipeline.replay.selection import Selection
from pipeline.settings import KafkaSettings, find_values, kafka_settings
from pipeline.variables import JOB_ENV, VARIABLES
from transforms.failures import DATA_ERROR, INVALID_EVENT

ALL = "all"

_T = TypeVar("_T")

_VARIABLES = tuple(
    variable
    for variable in VARIABLES
    # What would start a JVM need not be there where a replay is run.
    if variable is JOB_ENV
    or (variable.group == "Kafka" and variable.option != "kafka_expansion_service_jar")
    # Without the ledger a replay is not harmless.
    or variable.option == "merge_ledger"
)

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TIME = "give a duration before now like 90s, 30m, 2h or 7d, or a time with its zone like 2026-01-31T22:00:00Z"

_DESCRIPTION = f"""\
Publishes the original events of failed ones to the input topic again, for the running job (or the
next local run) to merge. Merging is idempotent, so replaying too much, or twice, is harmless.
Without filters, all that failed with {DATA_ERROR} is replayed, each event once, however often it
failed. The variables are those of the job, and come from the same places: option, environment
variable, configuration file, default."""

_EPILOG = """\
examples:
  see what failed in the last two hours, and publish nothing:
    %(prog)s --config_file=job.conf --since=2h --dry_run
  replay it:
    %(prog)s --config_file=job.conf --since=2h
  replay all that concerns one account, whatever was wrong with it:
    %(prog)s --config_file=job.conf --error_code=all --account=191e6b5a-8581-46bd-b779-b3b534984649

exit codes: 0 done, 1 some could not be published (run it again), 2 wrong configuration, 130 interrupted"""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to replay, and where.

    Attributes:
        kafka: brokers and topics.
        selection: which failed events.
        dry_run: whether they are only shown.
        merge_ledger: whether the job counts each view once; without it a replay may count views again.
    """

    kafka: KafkaSettings
    selection: Selection
    dry_run: bool
    merge_ledger: bool


def read_options(argv: Sequence[str], environ: Mapping[str, str], now: datetime) -> ReplayOptions:
    """Reads the command line, the environment and the configuration file; `--help` prints the help and exits.

    Args:
        argv: the command line.
        environ: the environment.
        now: what durations are counted back from.

    Raises:
        ConfigError: with a sentence for everything that is wrong.
    """
    parser = _parser()
    given, not_understood = parser.parse_known_args(argv)
    problems = refusals(not_understood, lambda option: _advice(option, parser))

    def parse(option: str, text: str | None, parse_text: Callable[[str], _T]) -> _T | None:
        try:
            return None if text is None else parse_text(text)
        except ValueError as e:
            problems.append(f"--{option} is {text!r}: {e}.")
            return None

    since, until = (
        parse(name, getattr(given, name), lambda text: _time(text, now)) for name in ("since", "until")
    )
    if since and until and since >= until:
        problems.append(f"--since {given.since} is not before --until {given.until}: exchange them.")
    codes = [parse("error_code", code, _error_code) for code in given.error_code or [DATA_ERROR]]
    accounts = [parse("account", account, _account) for account in given.account or []]
    configuration = find_values(
        CommandLine(
            given=given_variables(given, _VARIABLES),
            config_file=given.config_file,
            print_config=False,
            beam_args=(),
            on_flink=False,
            problems=tuple(problems),
        ),
        environ,
    )
    parsed = configuration.parse(_VARIABLES, configuration.problems_of_kafka())
    return ReplayOptions(
        kafka=kafka_settings(parsed),
        selection=Selection(
            error_codes=None if ALL in codes else frozenset(filter(None, codes)),
            accounts=frozenset(filter(None, accounts)),
            since=since,
            until=until,
        ),
        dry_run=given.dry_run,
        merge_ledger=parsed["merge_ledger"],
    )


def _parser() -> Parser:
    parser = Parser(
        prog="merge-user-courses-replay",
        usage="%(prog)s [OPTION ...]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
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
    group = parser.add_argument_group("Job")
    group.add_argument("--config_file", metavar="FILE", help="a HOCON file with the config keys named here")
    add_options(group, _VARIABLES)
    return parser


def _advice(option: str, parser: Parser) -> str:
    if option in {f"--{variable.option}" for variable in VARIABLES}:
        return f"{option} is an option of the job that a replay has no use for: leave it out."
    return no_such_option(option, parser.options)


def _time(text: str, now: datetime) -> datetime:
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
