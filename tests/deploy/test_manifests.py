"""The manifests are as the published schemas want them, and agree with each other and with the project."""

from __future__ import annotations

import copy
import os
import shlex
import subprocess
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pytest
import yaml
from hamcrest import assert_that, calling, contains_string, equal_to, has_item, has_items, has_properties, raises

from local import jars
from local.services import CONFIG, java_program
from local.settings import LocalSettings, read_settings
from pipeline.settings import read_configuration
from tests.deploy.manifests import KUBERNETES, Manifest, container, manifest, manifests, pods
from tests.deploy.schemas import SchemaError, check
from tests.deploy.versions import pom_version, project_version

ALL = [pytest.param(m, id=f"{m['kind']} {m['metadata']['name']}") for m in [*manifests(), *pods().values()]]


@pytest.fixture
def flink_jars() -> LocalSettings:
    settings = read_settings(os.environ)
    jars.resolve_all(settings, ["flink"])
    return settings


@pytest.mark.parametrize("found", ALL)
def test_a_manifest_is_valid(found: Manifest) -> None:
    check(found)


@pytest.mark.parametrize("found", ALL)
def test_a_field_that_its_schema_does_not_name_is_refused(found: Manifest) -> None:
    broken = copy.deepcopy(found)
    broken.get("spec", broken)["surplus"] = "field"

    assert_that(calling(check).with_args(broken), raises(SchemaError, "surplus"))


@pytest.mark.parametrize(
    ("kind", "breaks"),
    [
        ("FlinkDeployment", lambda m: m["spec"].update(flinkVersion="1.19")),
        (
            "FlinkDeployment",
            lambda m: m["spec"]["flinkConfiguration"].update({"metrics.reporter.prom.port": 9249}),
        ),
        ("FlinkDeployment", lambda m: m["spec"]["podTemplate"]["spec"].update(enableServiceLink=False)),
        ("FlinkDeployment", lambda m: m["spec"]["podTemplate"]["spec"]["containers"][0].update(ports="metrics")),
        ("Job", lambda m: m["spec"]["template"]["spec"]["containers"][0].update(arguments=[])),
        ("Job", lambda m: m["spec"].update(backoffLimit="6")),
        ("PrometheusRule", lambda m: m["spec"]["groups"][0]["rules"][0].update(expression="up == 0")),
        ("PodMonitor", lambda m: m["spec"]["podMetricsEndpoints"][0].update(ports="metrics")),
    ],
)
def test_a_wrong_field_deep_within_is_refused(kind: str, breaks: Callable[[Manifest], None]) -> None:
    broken = copy.deepcopy(manifest(kind))
    breaks(broken)

    assert_that(calling(check).with_args(broken), raises(SchemaError))


def test_every_file_is_applied() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    (config_map,) = kustomization["configMapGenerator"]

    named = {"kustomization.yaml", *kustomization["resources"], *config_map["files"]}
    assert_that({file.name for file in KUBERNETES.iterdir()}, equal_to(named))


def test_the_submission_is_one_that_the_job_understands() -> None:
    submit = container("submit")
    mounted = _mounts(submit)["config"]
    arguments = [argument.replace(str(mounted), str(KUBERNETES)) for argument in submit["args"]]

    configuration = read_configuration(arguments, {})

    settings = configuration.settings()
    assert_that(configuration.command_line, has_properties(on_flink=True))
    origins = {value.origin for value in configuration.values.values()}
    assert_that(origins, equal_to({"default", f"file {KUBERNETES / 'merge-user-courses.conf'}"}))
    service = f"--flink_master={manifest('FlinkDeployment')['metadata']['name']}-rest:8081"
    assert_that(submit["args"], has_item(service))
    for reader in (submit, container("worker-pool")):
        assert_that(
            PurePosixPath(settings.cassandra.password_file or "").parent, equal_to(_mounts(reader)["secrets"])
        )


@pytest.mark.parametrize("pod", pods().values(), ids=pods().keys())
def test_a_pod_mounts_only_what_it_has_and_is_told_of_no_services(pod: Manifest) -> None:
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    mounted = {name for c in pod["spec"]["containers"] for name in _mounts(c)}

    assert_that(mounted, equal_to(volumes))
    assert_that(pod["spec"]["enableServiceLinks"], equal_to(False))


def test_what_is_named_by_another_manifest_is_there() -> None:
    names = {(m["kind"], m["metadata"]["name"]) for m in manifests()}
    volumes = [volume for pod in pods().values() for volume in pod["spec"]["volumes"]]
    claims = {v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v}
    config_maps = {v["configMap"]["name"] for v in volumes if "configMap" in v}

    assert_that(names, has_items(*(("PersistentVolumeClaim", name) for name in claims)))
    assert_that(names, has_items(*(("ConfigMap", name) for name in config_maps)))
    assert_that(names, has_item(("ServiceAccount", manifest("FlinkDeployment")["spec"]["serviceAccount"])))
    (endpoint,) = manifest("PodMonitor")["spec"]["podMetricsEndpoints"]
    ports = {port["name"]: port["containerPort"] for port in container("flink-main-container")["ports"]}
    reported = int(_flink_configuration()["metrics.reporter.prom.port"])
    assert_that(ports[endpoint["port"]], equal_to(reported))
    admitted = [p["port"] for rule in manifest("NetworkPolicy")["spec"]["ingress"] for p in rule.get("ports", ())]
    assert_that(admitted, has_item(reported))


def test_the_worker_pool_is_where_the_job_looks_for_it() -> None:
    (port,) = container("worker-pool")["ports"]

    assert_that(port["containerPort"], equal_to(50000))  # as the job's default --environment_config
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert_that(container("worker-pool")[probe]["tcpSocket"]["port"], equal_to(port["name"]))


def test_images_are_those_of_the_project() -> None:
    flink = manifest("FlinkDeployment")["spec"]
    version = pom_version("flink", "flink.version")
    major, minor, _ = version.split(".")

    assert_that(flink["image"], equal_to(f"flink:{version}-java17"))
    assert_that(flink["flinkVersion"], equal_to(f"v{major}_{minor}"))
    for name in ("worker-pool", "submit"):
        assert_that(container(name)["image"], equal_to(f"merge-user-courses:{project_version()}"))


def test_flink_knows_every_key_of_its_configuration(flink_jars: LocalSettings) -> None:
    constants = b"".join(_option_classes(flink_jars.jars_dir / "flink"))
    local = yaml.safe_load((CONFIG / "flink" / "config.yaml").read_text())["metrics"]["reporter.prom"]
    reporter = {f"metrics.reporter.prom.{key}" for key in local}  # no class names these

    unknown = {key for key in _flink_configuration() if _constant(key) not in constants}
    assert_that(unknown, equal_to(reporter))


def test_flink_opens_to_beam_what_it_does_on_this_machine() -> None:
    local = shlex.split((CONFIG / "flink" / "java.args").read_text(), comments=True)
    wanted = {f"{option}={value}" for option, value in pairwise(local) if "=ALL" in value}

    assert_that(set(_flink_configuration()["env.java.opts.all"].split()), equal_to(wanted))


@pytest.mark.parametrize(("server", "command"), [("taskManager", "TM"), ("jobManager", "JM")])
def test_flink_divides_the_memory_of_its_servers(
    server: str, command: str, flink_jars: LocalSettings, tmp_path: Path
) -> None:
    resource = manifest("FlinkDeployment")["spec"][server]["resource"]
    configuration = {
        **_flink_configuration(),
        f"{server.lower()}.memory.process.size": resource["memory"],
        f"{server.lower()}.cpu.cores": str(resource["cpu"]),
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(configuration))

    divided = subprocess.run(
        [
            *(java_program(), "-cp", jars.class_path(flink_jars, "flink")),
            *("org.apache.flink.runtime.util.bash.BashJavaUtils", f"GET_{command}_RESOURCE_PARAMS"),
            *("--configDir", str(tmp_path)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert_that(divided.stdout, contains_string("BASH_JAVA_UTILS_EXEC_RESULT:-Xmx"))


def _flink_configuration() -> dict[str, str]:
    configuration: dict[str, str] = manifest("FlinkDeployment")["spec"]["flinkConfiguration"]
    return configuration


def _mounts(container: Manifest) -> dict[str, PurePosixPath]:
    return {mount["name"]: PurePosixPath(mount["mountPath"]) for mount in container["volumeMounts"]}


def _constant(text: str) -> bytes:
    """A string as a class file has it (JVM specification, 4.4.7)."""
    return b"\x01" + len(text).to_bytes(2) + text.encode()


def _option_classes(folder: Path) -> list[bytes]:
    """The classes in which Flink declares its options, as they are: keys are constants in them."""
    classes = []
    for jar in folder.glob("flink-*.jar"):
        with zipfile.ZipFile(jar) as archive:
            classes += [archive.read(n) for n in archive.namelist() if n.endswith(".class") and "Options" in n]
    return classes
