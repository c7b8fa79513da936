"""The chart as helm renders it: with its own values as deploy/kubernetes, with others as valid and as closed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from hamcrest import assert_that, contains_string, equal_to, has_entries, has_item, has_items, not_

from tests.deploy.chart import CHART, render
from tests.deploy.manifests import KUBERNETES, Manifest, containers, one, parsed, pods
from tests.deploy.schemas import check
from tests.deploy.versions import project_version

VALUES = CHART / "examples" / "object-store.yaml"


@pytest.fixture(scope="module")
def other(helm: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The manifests of an example that sets whatever can be set."""
    return parsed(render(helm, tmp_path_factory.mktemp("chart"), [f"--values={VALUES}"]).values())


def test_the_plain_manifests_are_the_charts(helm: Path, tmp_path: Path) -> None:
    rendered = render(helm, tmp_path)

    plain = {file.name: file.read_text() for file in KUBERNETES.iterdir()}
    assert_that(rendered.keys(), equal_to(plain.keys()))
    for name, text in rendered.items():
        assert_that(text, equal_to(plain[name]), f"{name}: write it anew by python -m tests.deploy.chart")


def test_helm_finds_nothing_wrong(helm: Path) -> None:
    ran = subprocess.run([helm, "lint", CHART], capture_output=True, text=True, check=False)

    assert_that(ran.returncode, equal_to(0), ran.stdout)


def test_its_version_is_that_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert_that(chart, has_entries(version=project_version(), appVersion=project_version()))


@pytest.mark.usefixtures("maven")
def test_other_values_give_manifests_that_are_as_valid(other: list[Manifest]) -> None:
    for found in [*other, *pods(of=other).values(), *pods(of=other, by_name=True).values()]:
        check(found)


def test_with_other_values_each_container_has_its_mounts_and_only_those(other: list[Manifest]) -> None:
    assert_that(pods(of=other), equal_to(pods(of=other, by_name=True)))
    for pod in pods(of=other).values():
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        assert_that({mount["name"] for c in containers(pod) for mount in c["volumeMounts"]}, equal_to(volumes))
        for c in containers(pod):
            paths = [mount["mountPath"] for mount in c["volumeMounts"]]
            assert_that(len({*paths}), equal_to(len(paths)))


def test_values_reach_what_they_are_for(other: list[Manifest]) -> None:
    flink = one(other, "FlinkDeployment")["spec"]
    assert_that(
        flink["job"], has_entries(parallelism=4, state="suspended", initialSavepointPath="s3://old/savepoint-1")
    )
    assert_that(
        flink["flinkConfiguration"], has_entries({"state.savepoints.dir": "s3://courses/merges/savepoints"})
    )
    (package,) = pods(of=other)["JobManager"]["spec"]["initContainers"]
    assert_that(
        package["args"], has_items("--kafka_input_topic={{env}}.merges", "--kafka_output_failed_topic=failed")
    )
    main = next(c for c in containers(pods(of=other)["TaskManager"]) if c["name"] == "flink-main-container")
    plugin = {"name": "ENABLE_BUILT_IN_PLUGINS", "value": "flink-s3-fs-hadoop-1.19.3.jar"}
    assert_that(main["env"], has_item(plugin))
    secrets = {
        v["secret"]["secretName"] for v in pods(of=other)["TaskManager"]["spec"]["volumes"] if "secret" in v
    }
    assert_that(secrets, equal_to({"kafka-login", "cassandra-login"}))
    kinds = {m["kind"] for m in other}
    assert_that(kinds & {"PodMonitor", "PrometheusRule", "PersistentVolumeClaim"}, equal_to(set()))
    ingress = one(other, "NetworkPolicy")["spec"]["ingress"]
    assert_that(ingress, has_item(has_entries(ports=[{"port": 8081}, {"port": 9249}])))


def test_a_configuration_that_differs_rolls_the_job_and_nothing_else_does(other: list[Manifest]) -> None:
    plain = parsed([(KUBERNETES / "config.yaml").read_text()])
    names = [one(found, "ConfigMap")["metadata"]["name"] for found in (plain, other)]

    assert_that(names[0], not_(equal_to(names[1])))
    (volume,) = (v for v in pods(of=other)["JobManager"]["spec"]["volumes"] if v["name"] == "config")
    assert_that(volume["configMap"]["name"], equal_to(names[1]))
    assert_that([v for v in pods(of=other)["TaskManager"]["spec"]["volumes"] if "configMap" in v], equal_to([]))


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--set=paralelism=3", "paralelism"),
        ("--set=parallelism=0", "parallelism"),
        ("--set=taskManager.memory=2Gi", "memory"),
        ("--set=networkPolicy.prometheus.podLabels=null", "podLabels"),
        ("--set=flinkImage=flink:1.20.0", "flinkImage"),
        ("--set=topics.output=a", "output"),
    ],
)
def test_a_wrong_value_is_refused(option: str, says: str, helm: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        render(helm, tmp_path, [option])

    assert_that(raised.value.stderr, contains_string(says))
