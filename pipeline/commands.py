"""The commands of `merge-user-courses`: what each does, and how it is run."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from rich.console import Console


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        summary: what it does, in a line.
        main: does it with the arguments after its name, and returns the process's exit code. What it needs is
            imported by then only: Beam takes seconds, and logs while it is imported.
    """

    summary: str
    main: Callable[[Sequence[str]], int]


_RUN = """\
examples:
  merge the backlog that the consumer group has now, on this machine, and end:
    %(prog)s --config_file=job.conf
  show the value of each variable, and where it came from:
    merge-user-courses config --config_file=job.conf

exit codes: 0 done, 1 Kafka or Cassandra does not answer, or somebody else merges for
the group, 2 wrong configuration, 130 interrupted"""

_SUBMIT = """\
example:
  %(prog)s --flink_master=HOST:8081 --config_file=job.conf --parallelism=2

exit codes: 0 it runs, also if it did before (nothing is submitted then), 1 Flink, Kafka
or Cassandra does not answer, or Flink does not take the job: it may work later,
2 wrong configuration, 130 interrupted"""

_PACKAGE = """\
example:
  %(prog)s --output=job.jar --config_file=job.conf \\
    --kafka_expansion_service_jar=jars/expansion-service.jar \\
    --flink_job_server_jar=jars/flink-job-server.jar

exit codes: 0 it is written, 1 Kafka or Cassandra does not answer, or Beam could not
translate the job: it may work later, 2 wrong configuration, 130 interrupted"""

_CONFIG = """\
example, with the same options as the job gets:
  %(prog)s --config_file=job.conf --env=staging

exit codes: 0 all is right, 2 wrong configuration"""


_RUN_DOES = """\
Merges the course history of a learner's two accounts: the backlog on DirectRunner, or with
--runner=FlinkRunner as `submit`."""


def run_without_its_name(argv: Sequence[str]) -> int:
    """As the command `run`; its page also lists the commands."""
    commands = "\n".join(f"  {name:<12} {command.summary}" for name, command in COMMANDS.items())
    does = (
        f"{_RUN_DOES} Without a command, `run` is meant.\n\ncommands:\n{commands}\n\n"
        "merge-user-courses COMMAND --help tells more of each."
    )
    return _job(argv, "run", does, _RUN)


def _run(argv: Sequence[str]) -> int:
    return _job(argv, "run", _RUN_DOES, _RUN)


def _submit(argv: Sequence[str]) -> int:
    does = (
        "Checks tables, topics and logins, starts the job on a Flink session cluster, and leaves it running there."
    )
    return _job([*argv, "--runner=FlinkRunner"], "submit", does, _SUBMIT)


def _package(argv: Sequence[str]) -> int:
    does = (
        "Checks tables, topics and logins, and writes the job as one jar, which Flink runs as an application.\n"
        "There is no secret in it, and neither parallelism nor savepoint: these are the cluster's affair."
    )
    return _job([*argv, "--runner=FlinkRunner"], "package", does, _PACKAGE, add_package_options)


def add_package_options(parser: ArgumentParser) -> None:
    """Declare the options that only the command `package` has."""
    group = parser.add_argument_group("Package")
    group.add_argument("--output", metavar="FILE", help="the jar that is written")
    group.add_argument(
        "--skip_checks",
        action="store_true",
        help="ask neither Kafka nor Cassandra, so that neither need be there; each topic is then taken to have "
        "Kafka's default max.message.bytes",
    )


def _config(argv: Sequence[str]) -> int:
    does = "Shows the value of each variable and where it came from, and says what is wrong. Starts nothing."
    return _job([*argv, "--print_config"], "config", does, _CONFIG)


def _job(
    argv: Sequence[str],
    name: str,
    does: str,
    examples: str,
    add_options: Callable[[ArgumentParser], None] = lambda parser: None,
) -> int:
    from pipeline.configuration.options import Page
    from pipeline.configuration.settings import read_configuration
    from pipeline.configuration.show import print_config
    from transforms.logs import apply

    page = Page(f"merge-user-courses {name}", does, examples, add_options)
    configuration = read_configuration(argv, os.environ, page)
    if configuration.command_line.options.print_config:
        print_config(configuration, Console())
        configuration.settings()
        return 0
    settings = configuration.settings()
    apply(settings.merge.log)
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    if name == "package":
        from pipeline.package import package

        options = configuration.command_line.options
        package(settings, options.output, progress, skip_checks=options.skip_checks)
    elif configuration.command_line.on_flink:
        from pipeline.submit import submit

        submit(settings, progress)
    else:
        from pipeline.garbage import reduce_garbage_collection
        from pipeline.run import run_backlog

        reduce_garbage_collection()
        Console(highlight=False).print(run_backlog(settings, progress).table())
    return 0


def _main_of(module: str) -> Callable[[Sequence[str]], int]:
    def main(argv: Sequence[str]) -> int:
        exit_code: int = import_module(module).main(argv)
        return exit_code

    return main


COMMANDS = {
    "run": Command("merge the backlog of the consumer group on this machine, and end", _run),
    "submit": Command("start the job on a Flink session cluster", _submit),
    "package": Command("write the job as a jar, which Flink runs as an application", _package),
    "replay": Command("publish the originals of failed events again", _main_of("pipeline.replay.__main__")),
    "preview": Command(
        "show what merging two accounts would do, and write nothing",
        _main_of("pipeline.operators.preview.command"),
    ),
    "history": Command(
        "show an account's merges, both ways, and what became of them",
        _main_of("pipeline.operators.history.command"),
    ),
    "verify": Command(
        "judge merges after the fact, and mend them if asked to", _main_of("pipeline.operators.verify.command")
    ),
    "forget": Command(
        "delete what the history of merges says of an account", _main_of("pipeline.operators.forget")
    ),
    "config": Command("show each variable, its value and where it came from", _config),
    "tables": Command("print or make the job's own tables in Cassandra", _main_of("pipeline.tables")),
    "jars": Command(
        "resolve Beam's Java side, which run, submit and package need, by Maven", _main_of("pipeline.flink.jars")
    ),
    "worker-pool": Command(
        "start the Python workers of the TaskManager on this machine", _main_of("pipeline.flink.worker_pool")
    ),
}
