"""The entry point of Flink's application clusters: no jar of Maven Central's has it, only Flink's own release."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from local.console import step
from local.errors import LocalError
from local.settings import LocalSettings

_PACKAGE = "org/apache/flink/container/"


def entry_point(settings: LocalSettings) -> Path:
    """The jar with the entry point, made once of the release that PyFlink's libraries are.

    Args:
        settings: says where the jars are, those of Flink among them, whose version it has.

    Raises:
        LocalError: if the release cannot be downloaded.
    """
    (runtime,) = (settings.jars_dir / "flink").glob("flink-runtime-1*.jar")
    version = runtime.stem.rpartition("-")[2]
    jar = settings.jars_dir / "flink-container" / f"flink-container-{version}.jar"
    if not jar.exists():
        jar.parent.mkdir(parents=True, exist_ok=True)
        with (
            step(f"Downloading Flink {version}, 230 MB", f"Took the entry point out of Flink {version}"),
            TemporaryDirectory(dir=jar.parent) as scratch,
        ):
            _take_from(_download(version, Path(scratch)), version, Path(scratch)).replace(jar)
    return jar


def _download(version: str, folder: Path) -> Path:
    download = [
        *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet"),
        *("--no-deps", "--no-binary", ":all:", "--dest", str(folder), f"apache-flink-libraries=={version}"),
    ]
    ran = subprocess.run(download, capture_output=True, text=True, check=False)
    if ran.returncode:
        msg = f"Flink {version} could not be downloaded by pip; put right what it says and try again: {ran.stderr}"
        raise LocalError(msg)
    (archive,) = folder.glob("*.tar.gz")
    return archive


def _take_from(archive: Path, version: str, folder: Path) -> Path:
    with tarfile.open(archive) as release:
        name = f"apache-flink-libraries-{version}/deps/lib/flink-dist-{version}.jar"
        release.extract(name, folder, filter="data")
    taken = folder / "taken.jar"
    with zipfile.ZipFile(folder / name) as dist, zipfile.ZipFile(taken, "w") as jar:
        for entry in dist.namelist():
            if entry.startswith(_PACKAGE) and entry.endswith(".class"):
                jar.writestr(entry, dist.read(entry))
    return taken
