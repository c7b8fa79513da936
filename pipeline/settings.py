"""The settings of a run, resolved from options, environment, configuration file and defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transforms.settings import CassandraSettings, MergeSettings

__all__ = ["CassandraSettings", "ConfigError", "KafkaSettings", "MergeSettings", "Settings", "resolve"]


class ConfigError(ValueError):
    """The configuration cannot be used; each line of the message names one variable and says why."""


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where events are read and where results are written."""

    broker_servers: str
    input_topic: str
    failed_topic: str
    group_id: str
    sync_topic: str
    expansion_service_jar: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a run needs to know."""

    kafka: KafkaSettings
    cassandra: CassandraSettings
    merge: MergeSettings
    env: str
    max_num_records: int | None
    max_read_time: float | None
    beam_args: tuple[str, ...]


def resolve(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Returns the settings that `argv` and `environ` give, or raises ConfigError with all that is wrong."""
    raise NotImplementedError
