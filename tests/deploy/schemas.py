"""The published schemas of the kinds that deploy/kubernetes uses, each closed to fields that it does not name."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from local import jars
from local.settings import read_settings
from tests.deploy.manifests import Manifest

KUBERNETES_VERSION = "1.31"
"""The oldest that the manifests are for."""


class SchemaError(Exception):
    """A manifest is not as its schema wants it."""


def check(manifest: Manifest) -> None:
    """Check a manifest against the schema of its kind.

    Raises:
        SchemaError: if it has a field too many, lacks one, or one has a wrong value.
    """
    checks: dict[str, Callable[[Manifest], None]] = {
        "flink.apache.org/v1beta1": _check_flink,
        "monitoring.coreos.com/v1": _check_monitoring,
    }
    try:
        checks.get(manifest["apiVersion"], _check_core)(manifest)
    except jsonschema.ValidationError as e:
        msg = f"{manifest['kind']} {'.'.join(map(str, e.absolute_path))}: {e.message}"
        raise SchemaError(msg) from e


def _check_core(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, KUBERNETES_VERSION, strict=True)


def _check_flink(manifest: Manifest) -> None:
    jsonschema.validate(manifest, _flink_schema(manifest["kind"]))


def _check_monitoring(manifest: Manifest) -> None:
    schema = _monitoring_schema()
    jsonschema.validate(
        manifest, {**schema["resources"][manifest["kind"].lower()], "definitions": schema["definitions"]}
    )


@cache
def _flink_schema(kind: str) -> Any:
    file = f"META-INF/fabric8/{kind.lower()}s.flink.apache.org-v1.yml"
    (version,) = yaml.safe_load(_read("flink-kubernetes-operator-api", file))["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    # These are checked by the API server itself.
    schema["properties"] |= {name: {} for name in ("apiVersion", "kind", "metadata")}
    return _closed(schema)


@cache
def _monitoring_schema() -> Any:
    return _closed(json.loads(_read("openshift-model-monitoring", "schema/validation-schema.json")))


def _read(artifact: str, name: str) -> bytes:
    settings = read_settings(os.environ)
    jars.resolve_all(settings, ["kubernetes"])
    (jar,) = (settings.jars_dir / "kubernetes").glob(f"{artifact}-*.jar")
    with zipfile.ZipFile(jar) as archive:
        return archive.read(name)


def _closed(schema: Any) -> Any:
    """The schema without fields that it does not name, as the API server takes it when it validates strictly."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # The Prometheus operator's was made for Java: there this is a class, and a field says that it is required.
    if str(schema.get("existingJavaType")).endswith(".IntOrString"):
        return {"type": ["integer", "string"]}
    closed = {k: _closed(v) for k, v in schema.items() if not (k == "required" and isinstance(v, bool))}
    if isinstance(closed.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed["additionalProperties"] = False
    return closed
