"""The command line: our options in Beam's own style, beside Beam's, with help for both."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Page:
    """What a command takes, and what its help says.

    Attributes:
        prog: how it is called.
        does: what it does.
        examples: examples, and what else there is to say at the end.
        add_options: declares the options that only this command has.
        variables: what it needs of the job's variables, that of the environment's name first; a command that needs
            all of them runs the pipeline, and takes Beam's options too.
    """

    prog: str
    does: str
    examples: str = ""
    add_options: Callable[[argparse.ArgumentParser], object] = lambda parser: None
    variables: Sequence[Variable] = VARIABLES

    @property
    def runs_pipeline(self) -> bool:
        """Whether Beam's options are the command's too."""
        return self.variables == VARIABLES


RUN = Page("merge-user-courses", "Merges the course history of a learner's two accounts.")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a command line says.

    Attributes:
        given: the text of each option that sets a variable, by its name without the dashes.
        options: all but Beam's as they were given, those that only this command has among them.
        beam_args: the arguments for Beam.
        on_flink: whether the pipeline runs on Flink.
        problems: a sentence for each argument that nobody understands.
    """

    given: Mapping[str, str]
    options: argparse.Namespace
    beam_args: tuple[str, ...]
    on_flink: bool
    problems: tuple[str, ...]


def parse_command_line(argv: Sequence[str], page: Page = RUN) -> CommandLine:
    """Reads a command line; `--help`, `--help-all` and `--version` print what they say and exit.

    Args:
        argv: the command line.
        page: what the command takes.

    Raises:
        ConfigError: if an option lacks its value, or one of Beam's has a value that Beam refuses.
    """
    ours = _parser_of_ours(page)
    parser = _parser(page, ours)
    if "--help-all" not in argv:
        parser.show_only({"--help", "--help-all", "--version", *ours.options, *_BEAMS_ON_THE_PAGE})
    everything, not_understood = parser.parse_known_args(argv)
    options, beam_args = ours.parse_known_args(argv)
    on_flink = page.runs_pipeline and _is_flink(everything.runner)
    java_options = _JAVA_FLINK_OPTIONS if page.runs_pipeline else frozenset()

    def advise(option: str) -> str | None:
        if on_flink and option in java_options:
            return None
        if option in java_options:
            return f"{option} is an option of the Flink runner: give --runner=FlinkRunner too."
        if option in {f"--{variable.option}" for variable in VARIABLES}:
            return f"{option} is an option of the job that this command has no use for: leave it out."
        return no_such_option(option, [*parser.options, *java_options])

    return CommandLine(
        given={v.option: text for v in page.variables if (text := getattr(options, v.option)) is not None},
        options=options,
        beam_args=tuple(beam_args),
        on_flink=on_flink,
        problems=tuple(refusals(not_understood, advise)),
    )


def _parser_of_ours(page: Page) -> Parser:
    """Returns a parser of the command's own options and those of its variables."""
    parser = Parser(add_help=False, allow_abbrev=False)
    page.add_options(parser)
    for title, variables in groupby(page.variables, key=lambda variable: variable.group):
        group = parser.add_argument_group(title)
        for variable in variables:
            facts = [f"default: {variable.default or 'none'}"]
            if variable.key is not None:
                facts += [f"environment: {variable.environment}", f"config key: {variable.key}"]
            text = f"{variable.help} ({'; '.join(facts)})"
            group.add_argument(f"--{variable.option}", metavar="VALUE", help=text)
        if title == "Run":
            text = "a HOCON file with the config keys named here"
            group.add_argument("--config_file", metavar="FILE", help=text)
            if page.runs_pipeline:
                text = "show the value of each variable and where it came from, and end"
                group.add_argument("--print_config", action="store_true", help=text)
    return parser


def _parser(page: Page, ours: Parser) -> Parser:
    """Returns a parser of all that a command takes: for help, and to know which options nobody has."""
    flink = textwrap.fill(", ".join(sorted(_JAVA_FLINK_OPTIONS)), 100)
    of_beam = f"Beam's Java Flink runner, with --runner=FlinkRunner:\n{flink}\n\n" if page.runs_pipeline else ""
    parser = Parser(
        prog=page.prog,
        usage="%(prog)s [OPTION ...]" + (" [OPTION OF BEAM ...]" if page.runs_pipeline else ""),
        description=f"{page.does}\n\nA variable's value comes from its option, else its environment variable, "
        "else the\nconfiguration file, else it is the default.",
        epilog=of_beam + page.examples,
        formatter_class=_WholeNames,
        parents=[ours],
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=version("merge-user-courses"), help="show the version"
    )
    if page.runs_pipeline:
        parser.add_argument("--help-all", action="help", help="show Beam's options for other runners too")
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


def _is_flink(runner: str | None) -> bool:
    """Whether a job server takes the options; Beam knows a runner by its path, its name or the start of it."""
    return (runner or "").lower().removesuffix("runner").endswith(("flink", "portable"))
