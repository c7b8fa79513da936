"""The configuration file: HOCON as operators write it, and one clear sentence where it is wrong."""

import logging
from pathlib import Path
from textwrap import dedent

import pytest

from pipeline.configuration.errors import ConfigError
from pipeline.configuration.file import read_config_file
from pipeline.configuration.settings import resolve
from pipeline.configuration.variables import VARIABLES

KEYS = [variable.key for variable in VARIABLES if variable.key is not None]


class Folder:
    """A folder of configuration files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def read(self, text: str, environ: dict[str, str] | None = None) -> dict[str, str]:
        return read_config_file(str(self.write("job.conf", text)), KEYS, environ or {})

    def refusal(self, text: str) -> str:
        with pytest.raises(ConfigError) as refused:
            self.read(text)
        return str(refused.value)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


BASE = """
    kafka {
      broker-servers = "base:9092"
      zookeeper = "base:2181"
      groupId = base-group
    }
    job {
      env = "dev"
      statebackend { blob.storage.account = "account", base.url = "wasbs://"${job.env}"@"${job.bucket} }
      bucket = b
    }
    task { checkpointing.interval = 60000, restart-strategy.delay = 30000 # in milli-seconds
    }
    redis { host = localhost, port = 6379 }
    lms-cassandra { host = "10.0.0.1", port = "9042", isMultiDCEnabled = false }
    schema { supportedVersion = {"itemset": "2.0"} }
    media_download_duration = "300 seconds"
"""


def test_a_file_as_operators_write_it(folder: Folder) -> None:
    folder.write("base-config.conf", BASE)
    path = folder.write(
        "merge-user-courses.conf",
        """
        include "base-config.conf"

        kafka {
          input.topic = ${job.env}".lms.user.account.merge"
          output.failed.topic = "{{env}}.failed"
          groupId = ${?GROUP}
          output.course.batch.updater.topic = prod.sync
        }
        task { consumer.parallelism = 1 }
        lms-cassandra {
          keyspace = "sunbird_courses"
          content_consumption.table = "consumption"
        }
        course.date.format = "yyyy-MM-dd HH:mm:ss:SSSZ"
        """,
    )
    settings = resolve([f"--config_file={path}"], {})
    assert settings.env == "dev"
    assert settings.kafka.broker_servers == "base:9092"
    assert settings.kafka.input_topic == "dev.lms.user.account.merge"
    assert settings.kafka.failed_topic == "dev.failed"
    assert settings.kafka.group_id == "base-group"
    assert settings.kafka.sync_topic == "prod.sync"
    assert settings.cassandra.hosts == ("10.0.0.1",)
    assert settings.cassandra.port == 9042
    assert settings.cassandra.content_consumption_table == "consumption"
    assert resolve([f"--config_file={path}"], {"GROUP": "g"}).kafka.group_id == "g"


@pytest.mark.parametrize(
    "text",
    [
        "kafka.input.topic = prod.lms.user.account.merge",
        'kafka.input.topic = "prod.lms.user.account.merge"',
        "kafka { input.topic = prod.lms.user.account.merge }",
        "kafka { input { topic: prod.lms.user.account.merge } }",
        "kafka.input { topic = prod.lms.user.account.merge } # why",
        "# why\n// why\nkafka.input.topic=prod.lms.user.account.merge // why",
        '{"kafka": {"input": {"topic": "prod.lms.user.account.merge"}}}',
        '{"kafka": {"input.topic": "prod.lms.user.account.merge"}}',
        '"kafka.input.topic" = prod.lms.user.account.merge',
        'kafka { "input" { "topic" = prod.lms.user.account.merge } }',
        "kafka.input.topic = other\nkafka.input.topic = prod.lms.user.account.merge",
        "kafka { input.topic = other }\nkafka { input.topic = prod.lms.user.account.merge, groupId = ${?NO} }",
        "kafka {\r\n  input.topic = prod.lms.user.account.merge\r\n}\r\n",
        "\ufeffkafka.input.topic = prod.lms.user.account.merge",
        'stage = prod\nkafka.input.topic = ${stage}".lms.user.account.merge"',
        'kafka.input.topic = lms.user.account.merge\nkafka.input.topic = "prod."${kafka.input.topic}',
    ],
)
def test_every_way_to_write_a_key_is_read(text: str, folder: Folder) -> None:
    assert folder.read(text) == {"kafka.input.topic": "prod.lms.user.account.merge"}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("lms-cassandra.port", "9042", "9042"),
        ("lms-cassandra.port", '"9042"', "9042"),
        ("cassandra.retry.seconds", "2.5", "2.5"),
        ("merge.ledger", "off", "off"),
        ("merge.ledger", "true", "true"),
        ("lms-cassandra.host", "10.0.0.1", "10.0.0.1"),
        ("lms-cassandra.host", '"10.0.0.1,10.0.0.2"', "10.0.0.1,10.0.0.2"),
        ("lms-cassandra.host", "[10.0.0.1, 10.0.0.2]", "10.0.0.1,10.0.0.2"),
        ("kafka.broker-servers", "localhost:9092", "localhost:9092"),
        ("kafka.groupId", '"{{env}}-group"', "{{env}}-group"),
        ("kafka.groupId", '""', ""),
        ("kafka.groupId", '"a \\"quoted\\" group"', 'a "quoted" group'),
        ("kafka.expansion.service.jar", "/opt/beam/expansion.jar", "/opt/beam/expansion.jar"),
        ("course.date.format", "yyyy-MM-dd HH:mm:ss:SSSZ", "yyyy-MM-dd HH:mm:ss:SSSZ"),
    ],
)
def test_every_kind_of_value_is_text(key: str, text: str, value: str, folder: Folder) -> None:
    assert folder.read(f"{key} = {text}\n") == {key: value}


@pytest.mark.parametrize("number", ["5.10", "007", "1e3", "1E3", "-0", "+5", ".5", "1.0", "9" * 30, "1e999"])
@pytest.mark.parametrize("form", ["{}", "{} # why", "{}  // why", "{} \t", "{}\r", "[{}]", "[ {} ]", '"{}"'])
def test_an_unquoted_number_keeps_its_text(form: str, number: str, folder: Folder) -> None:
    assert folder.read(f"kafka.groupId = {form.format(number)}\nx = 1") == {"kafka.groupId": number}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"kafka": {"groupId": 5.10, "x": 1}}', "5.10"),
        ('kafka.groupId = 007"-group"', "007-group"),
        ("GROUP = 5.10\nkafka.groupId = ${GROUP}", "5.10"),
        ('kafka.groupId = "v"${GROUP}\nGROUP = 1e3', "v1e3"),
        ("kafka.groupId = [007, 5.10 , a]", "007,5.10,a"),
        ("kafka.groupId = 007 and more", "007 and more"),
        ('include "base.conf"', "1.50"),
    ],
)
def test_a_number_keeps_its_text_wherever_it_stands(text: str, value: str, folder: Folder) -> None:
    folder.write("base.conf", "kafka.groupId = 1.50")
    assert folder.read(text) == {"kafka.groupId": value}


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "task { parallelism = 1 }", "kafka = 1", "kafka.groupId = null"]
)
def test_what_is_not_set_is_not_there(text: str, folder: Folder) -> None:
    assert folder.read(text) == {}


@pytest.mark.parametrize(
    ("text", "environ", "group"),
    [
        ("kafka.groupId = ${?GROUP}", {}, None),
        ("kafka.groupId = ${?GROUP}", {"GROUP": "g"}, "g"),
        ("kafka.groupId = ${GROUP}", {"GROUP": "g"}, "g"),
        ("kafka { groupId = d\n groupId = ${?GROUP} }", {}, "d"),
        ("kafka { groupId = d\n groupId = ${?GROUP} }", {"GROUP": "g"}, "g"),
        ('kafka.groupId = ${?GROUP}"-group"', {"GROUP": "g"}, "g-group"),
        ("GROUP = own\nkafka.groupId = ${?GROUP}", {"GROUP": "g"}, "own"),
        ("kafka.groupId = d", {"kafka": "g", "kafka.groupId": "g", "BASH_FUNC_x%%": "() { :; }"}, "d"),
    ],
)
def test_the_environment_is_substituted(
    text: str, environ: dict[str, str], group: str | None, folder: Folder
) -> None:
    assert folder.read(text, environ).get("kafka.groupId") == group


def test_the_environment_has_no_dotted_keys(folder: Folder) -> None:
    """What such a variable means is said by the table of variables, not by the file."""
    assert folder.read("task.parallelism = 1", {"kafka.groupId": "g"}) == {}


def test_substitution_knows_the_given_environment_only(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUP", "of the process")
    assert folder.read("kafka.groupId = ${?GROUP}", {"GROUP": "given"}) == {"kafka.groupId": "given"}


@pytest.mark.parametrize(
    "include",
    [
        'include "base-config.conf"',
        'include "./base-config.conf"',
        'include file("base-config.conf")',
        'include file("{folder}/base-config.conf")',
        'include required("base-config.conf")',
        'include required(file("{folder}/base-config.conf"))',
    ],
)
def test_an_included_file_is_read_and_what_follows_overrides_it(include: str, folder: Folder) -> None:
    folder.write("base-config.conf", BASE)
    include = include.replace("{folder}", str(folder.path))
    values = folder.read(f"{include}\nkafka.groupId = own\nlms-cassandra {{ port = 9043 }}")
    assert values == {
        "job.env": "dev",
        "kafka.broker-servers": "base:9092",
        "kafka.groupId": "own",
        "lms-cassandra.host": "10.0.0.1",
        "lms-cassandra.port": "9043",
    }


def test_a_later_include_overrides_what_is_before_it(folder: Folder) -> None:
    folder.write("base-config.conf", BASE)
    assert folder.read('kafka.groupId = own\ninclude "base-config.conf"')["kafka.groupId"] == "base-group"


def test_an_include_within_an_include_is_relative_to_its_own_folder(folder: Folder) -> None:
    folder.write("conf/base.conf", 'include "more.conf"')
    folder.write("conf/more.conf", "kafka.groupId = deep")
    assert folder.read('include "conf/base.conf"') == {"kafka.groupId": "deep"}


def test_a_file_is_found_relative_to_where_the_program_runs(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("base.conf", "kafka.groupId = g")
    folder.write("job.conf", 'include "base.conf"')
    monkeypatch.chdir(folder.path)
    assert read_config_file("job.conf", KEYS, {}) == {"kafka.groupId": "g"}


def test_a_missing_file_is_named(folder: Folder) -> None:
    path = folder.path / "none.conf"
    with pytest.raises(ConfigError) as refused:
        read_config_file(str(path), KEYS, {})
    assert str(refused.value) == f"--config_file {path} cannot be read, {path}: No such file or directory."


@pytest.mark.parametrize(
    "include", ['"none.conf"', 'file("none.conf")', 'file("{folder}/none.conf")', '"deep.conf"']
)
def test_a_missing_include_is_named(
    include: str, folder: Folder, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    folder.write("deep.conf", 'include "none.conf"')
    assert folder.refusal(f"include {include.replace('{folder}', str(folder.path))}\nkafka.groupId = g") == (
        f"--config_file {folder.path / 'job.conf'} includes {folder.path / 'none.conf'}, "
        "which cannot be read: put it there."
    )
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_a_missing_include_is_found_however_quiet_logging_is(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        assert "none.conf, which cannot be read" in folder.refusal('include "none.conf"')


def test_a_missing_required_include_is_named(folder: Folder) -> None:
    message = folder.refusal('include required("none.conf")')
    assert message == (
        f"--config_file {folder.path / 'job.conf'} cannot be read, "
        f"{folder.path / 'none.conf'}: No such file or directory."
    )


@pytest.mark.parametrize(
    ("text", "line", "near"),
    [
        ('kafka {\n  input.topic = "x"', 2, 'input.topic = "x"'),
        ("kafka.groupId = g\nkafka = = 1\n}", 2, "kafka = = 1"),
        ("kafka.groupId = {{env}}-g", 1, "kafka.groupId = {{env}}-g"),
        ("lms-cassandra.host = a,b\n", 2, "lms-cassandra.host = a,b"),
    ],
)
def test_a_syntax_error_is_one_sentence_with_its_line(text: str, line: int, near: str, folder: Folder) -> None:
    assert folder.refusal(text) == (
        f"--config_file: {folder.path / 'job.conf'} is not valid HOCON in or before line {line}, near {near!r}: "
        "correct it (text with braces or commas needs quotes)."
    )


def test_a_syntax_error_in_an_included_file_is_not_blamed_on_the_first(folder: Folder) -> None:
    folder.write("bad.conf", "a = 1\nkafka { groupId = 1")
    message = folder.refusal('x = 1\ninclude "bad.conf"')
    assert message.startswith(f"--config_file: a file that {folder.path / 'job.conf'} includes is not valid HOCON")
    assert "line 2, near 'kafka { groupId = 1'" in message


@pytest.mark.parametrize("key", ["kafka.groupId", "cassandra.retry.seconds"])
@pytest.mark.parametrize("value", ["{ a = 1 }", "30 seconds", "[{ a = 1 }]"])
def test_a_value_that_is_no_text_is_refused_by_name(key: str, value: str, folder: Folder) -> None:
    assert folder.refusal(f"{key} = {value}\n") == (
        f"{key} in {folder.path / 'job.conf'} is neither text nor a number: put its value in quotes."
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1, 2]", "is a list: give a file of keys and values."),
        ('include "job.conf"', "includes itself: remove the include that closes the circle."),
        ("kafka.groupId = ${NOBODY}", "cannot be used: Cannot resolve variable ${NOBODY} (line: 1, col: 17)."),
        ('include package("no_such_package:x.conf")', "cannot be used: No module named 'no_such_package'."),
        ('include package("x")', "cannot be used: Expected format is 'PACKAGE:PATH'."),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(text: str, sentence: str, folder: Folder) -> None:
    assert folder.refusal(text) == f"--config_file {folder.path / 'job.conf'} {sentence}"


def test_a_file_that_is_not_utf8_is_named(folder: Folder) -> None:
    (folder.path / "latin.conf").write_bytes(b'kafka.groupId = "caf\xe9"')
    assert folder.refusal('include "latin.conf"') == (
        f"--config_file {folder.path / 'job.conf'}, or a file it includes, is not UTF-8: save it as UTF-8."
    )


def test_a_folder_is_no_file(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        read_config_file(str(folder.path), KEYS, {})
