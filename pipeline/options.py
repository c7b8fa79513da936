"""The command line: our options in Beam's own style, beside Beam's, with help for both."""

import argparse
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Never

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.errors import ConfigError
from pipeline.variables import VARIABLES, Variable

_FLINK_OPTIONS = frozenset(
    f"--{name}"
    for name in (
        "allow_non_restored_state",
        "attached_mode",
        "auto_balance_write_files_sharding_enabled",
        "auto_watermark_interval",
        "checkpoint_timeout_millis",
        "checkpointing_interval",
        "checkpointing_mode",
        "disable_metrics",
        "enable_stable_input_drain",
        "execution_mode_for_batch",
        "execution_retry_delay",
        "externalized_checkpoints_enabled",
        "fail_on_checkpointing_errors",
        "faster_copy",
        "finish_bundle_before_checkpointing",
        "flink_conf_dir",
        "force_slot_sharing_group",
        "force_unaligned_checkpoint_enabled",
        "job_check_interval_in_secs",
        "latency_tracking_interval",
        "max_bundle_size",
        "max_bundle_time_mills",
        "min_pause_between_checkpoints",
        "num_concurrent_checkpoints",
        "number_of_execution_retries",
        "object_reuse",
        "operator_chaining",
        "report_checkpoint_duration",
        "retain_externalized_checkpoints_on_cancellation",
        "savepoint_path",
        "shutdown_sources_after_idle_ms",
        "state_backend",
        "state_backend_storage_path",
        "unaligned_checkpoint_enabled",
    )
)
"""Options of Beam's Java Flink runner. Beam's Python side hears of them only at submission, from the job
server, so they are named here for a typo to be refused before it."""


class MergeOptions(PipelineOptions):
    """The options of this job.

    They are declared without their defaults, which come last, after the environment and the configuration file.
    """

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        groups = groupby(VARIABLES, key=lambda variable: variable.group)
        for title, variables in groups:
            group = parser.add_argument_group(title)
            add_options(group, variables)
            if title == "Run":
                group.add_argument(
                    "--config_file", metavar="FILE", help="a HOCON file with the config keys named here"
                )
                group.add_argument(
                    "--print_config",
                    action="store_true",
                    help="show the value of each variable and where it came from, and end",
                )


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a command line says.

    Attributes:
        given: the text of each option of VARIABLES that is given, by its name without the dashes.
        config_file: the configuration file, if one is given.
        print_config: whether the configuration is to be shown.
        beam_args: the arguments for Beam.
        on_flink: whether the pipeline runs on Flink.
        problems: a sentence for each argument that nobody understands.
    """

    given: Mapping[str, str]
    config_file: str | None
    print_config: bool
    beam_args: tuple[str, ...]
    on_flink: bool
    problems: tuple[str, ...]


def parse_command_line(argv: Sequence[str]) -> CommandLine:
    """Reads a command line; `--help` prints the help and exits.

    Raises:
        ConfigError: if an option lacks its value, or one of Beam's has a value that Beam refuses.
    """
    everything = _parser_of_everything()
    all_given, not_understood = everything.parse_known_args(argv)
    ours = Parser(add_help=False, allow_abbrev=False)
    MergeOptions._add_argparse_args(ours)
    given, beam_args = ours.parse_known_args(argv)
    on_flink = _is_flink(all_given.runner)
    return CommandLine(
        given=given_variables(given, VARIABLES),
        config_file=given.config_file,
        print_config=given.print_config,
        beam_args=tuple(beam_args),
        on_flink=on_flink,
        problems=tuple(_problems(not_understood, everything, on_flink=on_flink)),
    )


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ConfigErrors."""

    def error(self, message: str) -> Never:
        """Raise what is wrong."""
        msg = f"The command line cannot be read, {message}: see --help."
        raise ConfigError(msg)

    @property
    def options(self) -> list[str]:
        """All options, with their dashes."""
        return [option for action in self._actions for option in action.option_strings]


def add_options(group: argparse._ArgumentGroup, variables: Iterable[Variable]) -> None:
    """Declares the options of variables."""
    for variable in variables:
        group.add_argument(f"--{variable.option}", metavar="VALUE", help=_help(variable))


def given_variables(given: argparse.Namespace, variables: Iterable[Variable]) -> dict[str, str]:
    """Returns the text of each variable that is given, by its option."""
    return {v.option: text for v in variables if (text := getattr(given, v.option)) is not None}


def _parser_of_everything() -> Parser:
    """Returns a parser of our options and Beam's: for help, and to know which options nobody has."""
    parser = Parser(
        prog="merge-user-courses",
        usage="%(prog)s [OPTION ...] [OPTION OF BEAM ...]",
        description="Merges the course history of a learner's two accounts. A variable's value comes from its "
        "option, else from its environment variable, else from the configuration file, else it is the default.",
        epilog="With --runner=FlinkRunner also the options of Beam's Java Flink runner: "
        + ", ".join(sorted(_FLINK_OPTIONS)),
        allow_abbrev=False,
    )
    MergeOptions._add_argparse_args(parser)
    for options in PipelineOptions.__subclasses__():
        if options.__module__.startswith("apache_beam."):
            options._add_argparse_args(parser.add_argument_group(f"Beam's {options.__name__}"))
    return parser


def _is_flink(runner: str | None) -> bool:
    """Whether a job server takes the options; Beam knows a runner by its path, its name or the start of it."""
    return (runner or "").lower().removesuffix("runner").endswith(("flink", "portable"))


def _help(variable: Variable) -> str:
    facts = [f"default: {variable.default or 'none'}"]
    if variable.key is not None:
        facts += [f"environment: {variable.environment}", f"config key: {variable.key}"]
    return f"{variable.help} ({'; '.join(facts)})"


def _problems(not_understood: Sequence[str], parser: Parser, *, on_flink: bool) -> list[str]:
    def advise(option: str) -> str | None:
        if option not in _FLINK_OPTIONS:
            return no_such_option(option, [*parser.options, *_FLINK_OPTIONS])
        return None if on_flink else f"{option} is an option of the Flink runner: give --runner=FlinkRunner too."

    return refusals(not_understood, advise)


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
