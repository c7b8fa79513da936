"""The manifests are as the published schemas want them, and agree with each other and with the project."""

from __future__ import annotations

import copy
import hashlib
import shlex
import subprocess
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pytest
import yaml
from hamcrest import (
    assert_that,
    calling,
    contains_string,
    ends_with,
    equal_to,
    has_entries,
    has_item,
    has_items,
    has_key,
    has_length,
    is_not,
    not_,
    raises,
)

from local import jars
from local.services import CONFIG, java_program
from local.settings import LocalSettings
from pipeline.commands import COMMANDS, add_package_options
from pipeline.configuration.options import Page
from pipeline.configuration.settings import read_configuration
from pipeline.flink.job import ENTRY_CLASS
from tests.deploy.manifests import (
    Manifest,
    container,
    containers,
    manifest,
    manifests,
    merge_pod_templates,
    pods,
)
from tests.deploy.schemas import SchemaError, check
from tests.deploy.versions import pom_version, project_version

PODS = [
    pytest.param(pod, id=f"{name}, lists merged by {how}")
    for how, by_name in (("position", False), ("name", True))
    for name, pod in pods(by_name=by_name).items()
]
ALL = [*(pytest.param(m, id=f"{m['kind']} {m['metadata']['name']}") for m in manifests()), *PODS]


@pytest.fixture
def flink_jars(maven: LocalSettings) -> LocalSettings:
    jars.resolve_all(maven, ["flink"])
    return maven


@pytest.mark.usefixtures("maven")
@pytest.mark.parametrize("found", ALL)
def test_a_manifest_is_valid(found: Manifest) -> None:
    check(found)


@pytest.mark.usefixtures("maven")
@pytest.mark.parametrize("found", ALL)
def test_a_field_that_its_schema_does_not_name_is_refused(found: Manifest) -> None:
    broken = copy.deepcopy(found)
    broken.get("spec", broken)["surplus"] = "field"

    assert_that(calling(check).with_args(broken), raises(SchemaError, "surplus"))


@pytest.mark.usefixtures("maven")
@pytest.mark.parametrize(
    ("kind", "breaks"),
    [
        ("FlinkDeployment", lambda m: m["spec"].update(flinkVersion="1.19")),
        (
            "FlinkDeployment",
            lambda m: m["spec"]["flinkConfiguration"].update({"metrics.reporter.prom.port": 9249}),
        ),
        ("FlinkDeployment", lambda m: m["spec"]["podTemplate"]["spec"].update(enableServiceLink=False)),
        (
            "FlinkDeployment",
            lambda m: m["spec"]["jobManager"]["podTemplate"]["spec"]["containers"][0].update(ports="m"),
        ),
        ("FlinkDeployment", lambda m: m["spec"]["job"].update(upgradeMode="savepoints")),
        ("FlinkDeployment", lambda m: m["spec"]["job"].update(parallelism="2")),
        ("ConfigMap", lambda m: m.update(immutable="true")),
        ("PrometheusRule", lambda m: m["spec"]["groups"][0]["rules"][0].update(expression="up == 0")),
        ("PodMonitor", lambda m: m["spec"]["podMetricsEndpoints"][0].update(ports="metrics")),
    ],
)
def test_a_wrong_field_deep_within_is_refused(kind: str, breaks: Callable[[Manifest], None]) -> None:
    broken = copy.deepcopy(manifest(kind))
    breaks(broken)

    assert_that(calling(check).with_args(broken), raises(SchemaError))


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """The job's configuration, as it is mounted."""
    ((name, text),) = manifest("ConfigMap")["data"].items()
    file = tmp_path / name
    file.write_text(text)
    return file


def test_the_job_is_packaged_as_the_command_understands_it_and_runs_where_it_was_written(
    config_file: Path,
) -> None:
    package = container("package")
    folder = str(_mounts(package)["config"])
    command, *arguments = (argument.replace(folder, str(config_file.parent)) for argument in package["args"])
    assert_that(COMMANDS, has_key(command))
    page = Page("package", "", add_options=add_package_options)

    configuration = read_configuration([*arguments, "--runner=FlinkRunner"], {}, page)

    settings = configuration.settings()
    origins = {value.origin for value in configuration.values.values()}
    assert_that(origins, equal_to({"default", f"file {config_file}"}))
    assert_that(settings.cassandra.local_dc, is_not(None))
    job = manifest("FlinkDeployment")["spec"]["job"]
    assert_that(
        job, has_entries(jarURI=f"local://{configuration.command_line.options.output}", entryClass=ENTRY_CLASS)
    )
    main = next(c for c in containers(pods()["JobManager"]) if c["name"] == "flink-main-container")
    assert_that(_mounts(main)["job"], equal_to(_mounts(package)["job"]))


def test_another_configuration_is_another_job() -> None:
    name = manifest("ConfigMap")["metadata"]["name"]
    (text,) = manifest("ConfigMap")["data"].values()

    assert_that(name, ends_with(hashlib.sha256(text.encode()).hexdigest()[:10]))


def test_secrets_are_only_where_they_are_used(config_file: Path) -> None:
    settings = read_configuration([f"--config_file={config_file}"], {}).settings()
    kafka, cassandra = (
        str(PurePosixPath(file or "").parent)
        for file in (settings.kafka.sasl_password_file, settings.cassandra.password_file)
    )
    assert_that({kafka, cassandra}, has_length(2))
    wanted = {
        ("JobManager", "package"): {kafka, cassandra},
        ("JobManager", "flink-main-container"): {kafka},
        ("TaskManager", "flink-main-container"): {kafka},
        ("TaskManager", "worker-pool"): {kafka, cassandra},
    }

    for name, pod in pods().items():
        secrets = {volume["name"] for volume in pod["spec"]["volumes"] if "secret" in volume}
        for c in containers(pod):
            mounted = {str(path) for volume, path in _mounts(c).items() if volume in secrets}
            assert_that(mounted, equal_to(wanted.pop((name, c["name"]))))
    assert_that(wanted, equal_to({}))


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_is_as_restricted_as_kubernetes_standards_want_it(pod: Manifest) -> None:
    assert_that(
        pod["spec"]["securityContext"], has_entries(runAsNonRoot=True, seccompProfile={"type": "RuntimeDefault"})
    )
    for c in containers(pod):
        restricted = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert_that(c["securityContext"], equal_to(restricted))
        writable = {mount["mountPath"] for mount in c["volumeMounts"] if not mount.get("readOnly")}
        more = {"flink-main-container": {"/opt/flink/log", "/flink-state"}, "package": {"/flink-job"}}
        assert_that(writable, equal_to({"/tmp"} | more.get(c["name"], set())))


def test_task_managers_are_spread_over_machines() -> None:
    (constraint,) = pods()["TaskManager"]["spec"]["topologySpreadConstraints"]
    name = manifest("FlinkDeployment")["metadata"]["name"]

    # Labels that Flink gives its pods.
    assert_that(constraint["labelSelector"]["matchLabels"], equal_to({"app": name, "component": "taskmanager"}))


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_mounts_only_what_it_has_and_is_told_of_no_services(pod: Manifest) -> None:
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    mounted = {name for c in containers(pod) for name in _mounts(c)}

    assert_that(mounted, equal_to(volumes))
    assert_that(pod["spec"]["enableServiceLinks"], equal_to(False))


@pytest.mark.parametrize("pod", PODS)
def test_a_container_has_an_image_and_mounts_of_which_none_hides_another(pod: Manifest) -> None:
    for c in containers(pod):
        assert_that(c, has_key("image"))
        paths = [mount["mountPath"] for mount in c["volumeMounts"]]
        assert_that(sorted(set(paths)), equal_to(sorted(paths)))
    names = [c["name"] for c in containers(pod)]
    assert_that(sorted(set(names)), equal_to(sorted(names)))


def test_flink_is_in_its_pods_the_same_however_the_operator_merges_lists() -> None:
    by_position, by_name = pods(), pods(by_name=True)
    assert_that(by_position, equal_to(by_name))
    for server in ("JobManager", "TaskManager"):
        (main,) = by_position[server]["spec"]["containers"]
        assert_that(main, has_entries(name="flink-main-container", ports=has_length(1)))
        assert_that(_mounts(main), has_entries(state=PurePosixPath("/flink-state")))


def test_by_position_the_operator_lets_a_list_replace_what_the_common_template_has() -> None:
    common = {"containers": [{"name": "main", "ports": [1]}], "args": ["a"]}
    own = {"containers": [{"name": "beside", "image": "i"}], "args": ["b", "c"]}

    assert_that(
        merge_pod_templates(common, own, by_name=False),
        equal_to({"containers": [{"name": "beside", "ports": [1], "image": "i"}], "args": ["a", "c"]}),
    )
    assert_that(
        merge_pod_templates(common, own, by_name=True),
        equal_to({"containers": [*common["containers"], *own["containers"]], "args": ["a", "c"]}),
    )


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


def test_the_worker_pool_is_a_sidecar_that_only_its_own_pod_reaches() -> None:
    (pool,) = pods()["TaskManager"]["spec"]["initContainers"]

    # Flink takes a pod for lost when one of its other containers ends.
    assert_that(pool, has_entries(name="worker-pool", restartPolicy="Always"))
    assert_that(pool, not_(has_key("ports")))
    command = ["merge-user-courses", "worker-pool", "--check"]  # on the port of the job's --environment_config
    for probe in ("startupProbe", "livenessProbe"):
        assert_that(pool[probe]["exec"]["command"], equal_to(command))
    assert_that(COMMANDS, has_key(command[1]))


def test_nobody_but_named_namespaces_and_the_own_pods_gets_in() -> None:
    policy = manifest("NetworkPolicy")["spec"]

    assert_that(policy["policyTypes"], equal_to(["Ingress", "Egress"]))
    own, *others = policy["ingress"]
    assert_that(own, equal_to({"from": [{"podSelector": policy["podSelector"]}]}))
    for rule in others:
        (peer,) = rule["from"]
        assert_that(peer["namespaceSelector"]["matchLabels"], has_key("kubernetes.io/metadata.name"))
        assert_that(peer["podSelector"]["matchLabels"], has_key("app.kubernetes.io/name"))
    assert_that({p["port"] for rule in others for p in rule["ports"]}, equal_to({8081, 9249}))


def test_the_job_may_talk_to_what_its_configuration_names(config_file: Path) -> None:
    own, services = manifest("NetworkPolicy")["spec"]["egress"]
    settings = read_configuration([f"--config_file={config_file}"], {}).settings()
    (kafka_port,) = {int(broker.rpartition(":")[2]) for broker in settings.kafka.broker_servers.split(",")}

    assert_that(own, equal_to({"to": [{"podSelector": manifest("NetworkPolicy")["spec"]["podSelector"]}]}))
    ports = {(port["port"], port.get("protocol", "TCP")) for port in services["ports"]}
    tcp = {(port, "TCP") for port in (53, kafka_port, settings.cassandra.port, 443, 6443)}
    assert_that(ports, has_items((53, "UDP"), *tcp))


def test_images_are_those_of_the_project() -> None:
    flink = manifest("FlinkDeployment")["spec"]
    version = pom_version("flink", "flink.version")
    major, minor, _ = version.split(".")

    assert_that(flink["image"], equal_to(f"flink:{version}-java17"))
    assert_that(flink["flinkVersion"], equal_to(f"v{major}_{minor}"))
    for name in ("worker-pool", "package"):
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
