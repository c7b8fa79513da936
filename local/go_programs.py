"""Programs that Go builds from their modules, once for all runs of a data folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.console import step
from local.errors import LocalError
from local.settings import LocalSettings


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program.

    Attributes:
        name: what it is called.
        package: the path of its main package.
        version: the version of its module.
        tags: Go's build tags.
    """

    name: str
    package: str
    version: str
    tags: str = ""

    def path(self, settings: LocalSettings) -> Path:
        """Where it is, or will be."""
        return settings.data_dir / self.name / self.version / self.name

    def is_available(self, settings: LocalSettings) -> bool:
        """Whether it is built, or can be."""
        return self.path(settings).exists() or shutil.which("go") is not None

    def build(self, settings: LocalSettings) -> Path:
        """Build it, unless it is there; returns the program.

        Raises:
            LocalError: if Go cannot build it.
        """
        program, title = self.path(settings), f"{self.name} {self.version}"
        if not program.exists():
            with step(f"Building {title}", f"Built {title}"):
                ran = subprocess.run(
                    # Tests run meanwhile.
                    ["nice", "go", "install", f"-tags={self.tags}", f"{self.package}@{self.version}"],
                    env={**os.environ, "GOBIN": str(program.parent)},
                    capture_output=True,
                    text=True,
                    check=False,
                )
            if ran.returncode:
                msg = f"Go could not build {title}; put right what it says and try again: {ran.stderr.strip()}"
                raise LocalError(msg)
        return program


HELM = GoProgram("helm", "helm.sh/helm/v3/cmd/helm", "v3.18.6")
"""Renders the chart."""

PROMTOOL = GoProgram("promtool", "github.com/prometheus/prometheus/cmd/promtool", "v0.316.0", "remove_all_sd")
"""Has Prometheus's engine, for the alerts and the dashboard; built without what finds it clouds to scrape."""
