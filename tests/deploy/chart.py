"""The Helm chart, rendered by helm; python -m tests.deploy.chart writes deploy/kubernetes anew."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from local.programs import HELM
from local.settings import read_settings
from tests.deploy.manifests import DEPLOY, KUBERNETES, NAME

CHART = DEPLOY / "helm" / NAME
KUBERNETES_VERSION = "1.31.0"


def render(helm: Path, folder: Path, options: Sequence[str] = ()) -> dict[str, str]:
    """Render the chart.

    Args:
        helm: the program.
        folder: an empty folder, for helm to write to.
        options: more options of helm, such as --set=parallelism=3.

    Returns:
        the text of each file of manifests, by its name.

    Raises:
        CalledProcessError: if helm refuses the values; its stderr says why.
    """
    subprocess.run(
        [
            *(helm, "template", NAME, CHART, f"--kube-version={KUBERNETES_VERSION}", f"--output-dir={folder}"),
            *options,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    rendered = sorted((folder / NAME / "templates").iterdir())
    return {file.name: file.read_text() for file in rendered}


def main() -> None:
    """Write the plain manifests, which are the chart's with its own values."""
    for old in KUBERNETES.glob("*"):
        old.unlink()
    KUBERNETES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        for name, text in render(HELM.get(read_settings(os.environ)), Path(folder)).items():
            (KUBERNETES / name).write_text(text)


if __name__ == "__main__":
    main()
