"""The manifests of deploy/kubernetes, and the pods that the operator makes of them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from local.settings import PROJECT

NAME = "merge-user-courses"
DEPLOY = PROJECT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"

Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    """Everything that kubectl apply -f deploy/kubernetes applies."""
    return parsed(file.read_text() for file in sorted(KUBERNETES.glob("*.yaml")))


def parsed(texts: Iterable[str]) -> list[Manifest]:
    """The manifests in files of them."""
    return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]


def manifest(kind: str) -> Manifest:
    """The one manifest of a kind."""
    return one(manifests(), kind)


def one(found: Iterable[Manifest], kind: str) -> Manifest:
    """The one manifest of a kind among others."""
    (of_kind,) = (m for m in found if m["kind"] == kind)
    return of_kind


def pods(*, by_name: bool = False, of: Sequence[Manifest] | None = None) -> dict[str, Manifest]:
    """The pods that manifests describe, by what they are for.

    Args:
        by_name: whether the operator is set to merge the lists of pod templates by the names of their items.
        of: the manifests, if not those of deploy/kubernetes.
    """
    flink = one(manifests() if of is None else of, "FlinkDeployment")["spec"]
    made = {}
    for name, server in (("JobManager", "jobManager"), ("TaskManager", "taskManager")):
        pod = merge_pod_templates(flink["podTemplate"], flink[server].get("podTemplate", {}), by_name=by_name)
        for c in pod["spec"]["containers"]:
            # Flink adds its image, and a container of this name where the template has none.
            if c["name"] == "flink-main-container":
                c["image"] = flink["image"]
        made[name] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name.lower()}, "spec": pod["spec"]}
    return made


def merge_pod_templates(common: Manifest, own: Manifest, *, by_name: bool) -> Manifest:
    """Merge a server's own pod template into the common one, as the operator does (FlinkUtils.mergePodTemplates).

    Args:
        common: the template of all servers.
        own: what a server's own template adds to it.
        by_name: as kubernetes.operator.pod-template.merge-arrays-by-name; by default lists are merged by position.
    """
    merged = copy.deepcopy(common)
    _merge_into(merged, copy.deepcopy(own), by_name)
    return merged


def _merge_into(to: Any, own: Any, by_name: bool) -> None:
    if not isinstance(to, dict) or not isinstance(own, dict):
        return  # the operator leaves a single value in a list as the common template has it
    for key, value in own.items():
        if isinstance(to.get(key), list) and isinstance(value, list):
            _merge_lists(to[key], value, by_name)
        elif isinstance(to.get(key), dict):
            _merge_into(to[key], value, by_name)
        else:
            to[key] = value


def _merge_lists(to: list[Any], own: list[Any], by_name: bool) -> None:
    if by_name and all(isinstance(item, dict) and "name" in item for item in [*to, *own]):
        named = {item["name"]: item for item in to}
        for item in own:
            _merge_into(named.setdefault(item["name"], item), item, by_name)
        to[:] = named.values()
        return
    for i, item in enumerate(own):
        if i >= len(to):
            to.append(item)
        else:
            _merge_into(to[i], item, by_name)


def container(name: str) -> Manifest:
    """The container of a name."""
    return next(c for pod in pods().values() for c in containers(pod) if c["name"] == name)


def containers(pod: Manifest) -> list[Manifest]:
    """All containers of a pod, in the order in which they start."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
