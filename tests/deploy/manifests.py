"""The manifests of deploy/kubernetes, as kustomize and the operator put them together."""

from __future__ import annotations

from typing import Any

import yaml

from local.settings import PROJECT

DEPLOY = PROJECT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"

Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    """Everything that kubectl apply -k deploy/kubernetes applies."""
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    found = [m for name in kustomization["resources"] for m in yaml.safe_load_all((KUBERNETES / name).read_text())]
    for generator in kustomization["configMapGenerator"]:
        data = {name: (KUBERNETES / name).read_text() for name in generator["files"]}
        metadata = {"name": generator["name"]}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    return found


def manifest(kind: str) -> Manifest:
    """The one manifest of a kind."""
    (found,) = (m for m in manifests() if m["kind"] == kind)
    return found


def pods() -> dict[str, Manifest]:
    """The pods that the manifests describe, by what they are for."""
    flink = manifest("FlinkDeployment")["spec"]
    (main,) = flink["podTemplate"]["spec"]["containers"]
    # The operator puts in the image of Flink, and puts together what it finds in several templates.
    common = {**flink["podTemplate"]["spec"], "containers": [{**main, "image": flink["image"]}]}
    beside = flink["taskManager"]["podTemplate"]["spec"]["containers"]
    specs = {
        "JobManager": common,
        "TaskManager": {**common, "containers": [*common["containers"], *beside]},
        "submission": manifest("Job")["spec"]["template"]["spec"],
    }
    return {
        name: {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name.lower()}, "spec": spec}
        for name, spec in specs.items()
    }


def container(name: str) -> Manifest:
    """The container of a name."""
    return next(c for pod in pods().values() for c in pod["spec"]["containers"] if c["name"] == name)


def alert_rules() -> dict[str, Manifest]:
    """The alert rules, by name."""
    return {
        rule["alert"]: rule for group in manifest("PrometheusRule")["spec"]["groups"] for rule in group["rules"]
    }
