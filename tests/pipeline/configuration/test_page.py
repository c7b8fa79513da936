"""docs/configuration.md: its tables are those of the code, and its examples work."""

import re
from pathlib import Path

from pipeline.configuration.settings import resolve
from tests.support.configuration_page import PAGE, with_tables


def test_the_tables_of_the_page_are_those_of_the_variables() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "| kafka.broker-servers |" in page
    assert with_tables(page) == page, "run python -m tests.support.configuration_page"


def test_the_examples_of_the_page_are_read(tmp_path: Path) -> None:
    blocks = re.findall(r"(?:^ {4}.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    (tmp_path / "base-config.conf").write_text("job.env = prod\n")
    (tmp_path / "job.conf").write_text("".join(block for block in blocks if " = " in block))

    settings = resolve([f"--config_file={tmp_path / 'job.conf'}"], {"CASSANDRA_HOSTS": "c1,c2"})

    assert settings.kafka.input_topic == "prod.lms.user.account.merge"
    assert settings.kafka.uses_tls
    assert settings.cassandra.hosts == ("c1", "c2")
    assert settings.cassandra.ssl_ca_file == "/run/secrets/cassandra-ca.pem"
