"""The settings: defaults, and refusals that name the variable."""

from pathlib import Path

import pytest

from local.errors import LocalError
from local.settings import PROJECT, read_settings


def test_everything_has_a_default() -> None:
    settings = read_settings({})
    assert settings.data_dir == PROJECT / ".local"
    assert settings.jars_dir == PROJECT / ".local" / "jars"
    assert settings.kafka_address == "127.0.0.1:9092"
    assert settings.cassandra_port == 9042


def test_the_environment_sets_ports_and_folder(tmp_path: Path) -> None:
    settings = read_settings({"KAFKA_PORT": "1", "CASSANDRA_PORT": "65535", "DATA_DIR": str(tmp_path / "data")})
    assert settings.kafka_address == "127.0.0.1:1"
    assert settings.cassandra_port == 65535
    assert settings.logs_dir == tmp_path / "data" / "logs"
    assert settings.jars_dir == tmp_path / "data" / "jars"


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert read_settings({"KAFKA_PORT": "", "DATA_DIR": ""}) == read_settings({})


@pytest.mark.parametrize("variable", ["KAFKA_PORT", "CASSANDRA_PORT"])
@pytest.mark.parametrize("value", ["0", "65536", "-1", "9092.0", "localhost:9092", "nine", "٣", " "])
def test_a_wrong_port_is_refused_by_its_variable(variable: str, value: str) -> None:
    with pytest.raises(LocalError) as refused:
        read_settings({variable: value})
    assert str(refused.value) == f"{variable} is {value!r}; set it to a port number from 1 to 65535."


def test_two_services_cannot_share_a_port() -> None:
    with pytest.raises(LocalError, match="KAFKA_PORT and CASSANDRA_PORT are both 9042;"):
        read_settings({"KAFKA_PORT": "9042"})


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match=r"^DATA_DIR is .*, which is a file; set it to a folder\.$"):
        read_settings({"DATA_DIR": str(tmp_path / "file")})
