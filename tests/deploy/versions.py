"""Versions, from where the project keeps them."""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ET
from typing import Any

from local import jars
from local.settings import PROJECT


def pom_version(pom: str, name: str) -> str:
    """A property of one of our poms."""
    namespace = {"m": "http://maven.apache.org/POM/4.0.0"}
    text = ET.parse(jars.pom(pom)).findtext(f"m:properties/m:{name}", namespaces=namespace)
    assert text, f"{pom} has no property {name}"
    return text


def project_version() -> str:
    """The version of the package."""
    return str(setup_arguments()["version"])


def setup_arguments() -> dict[str, Any]:
    """Those arguments of setup.py that are constants."""
    call = ast.parse((PROJECT / "setup.py").read_text()).body[-1]
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    arguments = {}
    for keyword in call.value.keywords:
        if keyword.arg and not isinstance(keyword.value, ast.Call):
            arguments[keyword.arg] = ast.literal_eval(keyword.value)
    return arguments
