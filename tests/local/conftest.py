"""A folder and ports for small servers that stand in for the real ones."""

import dataclasses
from pathlib import Path

import pytest

from local import ports
from local.settings import LocalSettings, read_settings


@pytest.fixture
def folder(tmp_path: Path) -> LocalSettings:
    """Settings with nothing in the data folder and nobody on the ports."""
    kafka_port, cassandra_port = ports.free_ports(2)
    settings = read_settings({"DATA_DIR": str(tmp_path / "data")})
    return dataclasses.replace(settings, kafka_port=kafka_port, cassandra_port=cassandra_port)
