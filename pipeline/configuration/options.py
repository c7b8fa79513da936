"""The command line: our options in Beam's own style, beside Beam's, with help for both."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import groupby
from typing import Never

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.refusals import no_such_option, refusals
from pipeline.configuration.variables import VARIABLES
from transforms.variables import Variable

_JAVA_FLINK_OPTIONS = frozenset(
    re.findall(
        r"--\w+",
        "--allow_non_restored_state --attached_mode --auto_balance_write_files_sharding_enabled "
        "--auto_watermark_interval --checkpoint_timeout_millis --checkpointing_interval --checkpointing_mode "
        "--disable_metrics --enable_stable_input_drain --execution_mode_for_batch --execution_retry_delay "
        "--externalized_checkpoints_enabled --fail_on_checkpointing_errors --faster_copy "
        "--finish_bundle_before_checkpointing --flink_conf_dir --force_slot_sharing_group "
        "--force_unaligned_checkpoint_enabled --job_check_interval_in_secs --latency_tracking_interval "
        "--max_bundle_size --max_bundle_time_mills --min_pause_between_checkpoints --num_concurrent_checkpoints "
        "--number_of_execution_retries --object_reuse --operator_chaining --report_checkpoint_duration "
        "--retain_externalized_checkpoints_on_cancellation --savepoint_path --shutdown_sources_after_idle_ms "
        "--state_backend --state_backend_storage_path --unaligned_checkpoint_enabled",
    )
)
"""Options of Beam's Java Flink runner. Beam's Python side hears of them only at submission, from the job
server, so they are named here for a typo to be refused before it."""

_BEAMS_ON_THE_PAGE = frozenset(
    re.findall(
        r"--\w+",
        "--runner --streaming --flink_master --flink_version --flink_job_server_jar --parallelism "
        "--max_parallelism --environment_type --environment_config",
    )
)
"""Beam's options that a run here may need; the others are for --help-all."""


class MergeOptions(PipelineOptions):
    """The options of this job.

    They are declared without their defaults, which come last, after the environment and the configuration file.
    """

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        for title, variables in groupby(VARIABLES, key=lambda variable: variable.group):
            group = parser.add_argument_group(title)
            add_options(group, variables)
            if title == "Run":
                group.add_argument(
                    "--print_config",
                    action="store_true",
                    help="show the value of each variable and where it came from, and end",
                )


@dataclass(frozen=True, slots=True)
class Page:
    """What the help of a command says beside its options.

    Attributes:
        prog: how it is called.
        does: what it does.
        examples: examples, and what else there is to say at the end.
        add_options: declares the options that only this command has.
    """

    prog: str
    does: str
    examples: str = ""
    add_options: Callable[[argparse.ArgumentParser], object] = lambda parser: None


RUN = Page("merge-user-courses", "Merges the course history of a learner's two accounts.")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a command line says.

    Attributes:
        given: the text of each option of VARIABLES that is given, by its name without the dashes.
        config_file: the configuration file, if one is given.
        print_config: whether the configuration is to be shown.
        beam_args: the arguments for Beam.
        on_flink: whether the pipeline runs on Flink.
        own: the options that only this command has.
        problems: a sentence for each argument that nobody understands.
    """

    given: Mapping[str, str]
    config_file: str | None = None
    print_config: bool = False
    beam_args: tuple[str, ...] = ()
    on_flink: bool = False
    own: argparse.Namespace = field(default_factory=argparse.Namespace)
    problems: tuple[str, ...] = ()


def parse_command_line(argv: Sequence[str], page: Page = RUN) -> CommandLine:
    """Reads a command line; `--help`, `--help-all` and `--version` print what they say and exit.

    Args:
        argv: the command line.
        page: what the help says beside the options.

    Raises:
        ConfigError: if an option lacks its value, or one of Beam's has a value that Beam refuses.
    """
    everything = _parser_of_everything(page)
    ours = Parser(add_help=False, allow_abbrev=False)
    page.add_options(ours)
    MergeOptions._add_argparse_args(ours)
    all_given, not_understood = everything.parse_known_args(argv)
    if all_given.help or all_given.help_all:
        if not all_given.help_all:
            everything.show_only({"--help", "--help-all", "--version", *ours.options, *_BEAMS_ON_THE_PAGE})
        everything.print_help()
        sys.exit(0)
    given, beam_args = ours.parse_known_args(argv)
    on_flink = _is_flink(all_given.runner)

    def advise(option: str) -> str | None:
        if option not in _JAVA_FLINK_OPTIONS:
            return no_such_option(option, [*everything.options, *_JAVA_FLINK_OPTIONS])
        return None if on_flink else f"{option} is an option of the Flink runner: give --runner=FlinkRunner too."

    return CommandLine(
        given=given_variables(given, VARIABLES),
        config_file=given.config_file,
        print_config=given.print_config,
        beam_args=tuple(beam_args),
        on_flink=on_flink,
        own=given,
        problems=tuple(refusals(not_understood, advise)),
    )


def _parser_of_everything(page: Page) -> Parser:
    """Returns a parser of our options and Beam's: for help, and to know which options nobody has."""
    flink = textwrap.fill(", ".join(sorted(_JAVA_FLINK_OPTIONS)), 100)
    parser = Parser(
        prog=page.prog,
        usage="%(prog)s [OPTION ...] [OPTION OF BEAM ...]",
        description=f"{page.does}\n\nA variable's value comes from its option, else its environment variable, "
        "else the\nconfiguration file, else it is the default.",
        epilog=f"Beam's Java Flink runner, with --runner=FlinkRunner:\n{flink}\n\n{page.examples}",
        formatter_class=_WholeNames,
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this page and end")
    parser.add_argument("--help-all", action="store_true", help="show Beam's options for other runners too")
    parser.add_argument(
        "--version", action="version", version=version("merge-user-courses"), help="show the version"
    )
    page.add_options(parser)
    MergeOptions._add_argparse_args(parser)
    for options in PipelineOptions.__subclasses__():
        if options.__module__.startswith("apache_beam."):
            options._add_argparse_args(parser.add_argument_group(f"Beam's {options.__name__}"))
    return parser


class _WholeNames(argparse.RawDescriptionHelpFormatter):
    """Breaks no line within a name, so that keys can be searched for and copied."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


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

    def show_only(self, options: Set[str]) -> None:
        """Leave all other options out of the help."""
        for action in self._actions:
            if options.isdisjoint(action.option_strings):
                action.help = argparse.SUPPRESS


def add_options(group: argparse._ArgumentGroup, variables: Iterable[Variable]) -> None:
    """Declares the options of variables; with that of the environment's name also the configuration file's."""
    for variable in variables:
        facts = [f"default: {variable.default or 'none'}"]
        if variable.key is not None:
            facts += [f"environment: {variable.environment}", f"config key: {variable.key}"]
        text = f"{variable.help} ({'; '.join(facts)})"
        group.add_argument(f"--{variable.option}", metavar="VALUE", help=text)
        if variable.option == "env":
            text = "a HOCON file with the config keys named here"
            group.add_argument("--config_file", metavar="FILE", help=text)


def given_variables(given: argparse.Namespace, variables: Iterable[Variable]) -> dict[str, str]:
    """Returns the text of each variable that is given, by its option."""
    return {v.option: text for v in variables if (text := getattr(given, v.option)) is not None}


def _is_flink(runner: str | None) -> bool:
    """Whether a job server takes the options; Beam knows a runner by its path, its name or the start of it."""
    return (runner or "").lower().removesuffix("runner").endswith(("flink", "portable"))
