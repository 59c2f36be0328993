"""The programs cmctl drives: the Pulumi CLI of exactly the SDK's version, and the database of local environments."""

from __future__ import annotations

import hashlib
import io
import platform
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path

from environments.home import cache
from errors import CmctlError
from tools.builder import Family, Report, build, installed

ANSWER_S = 5
FERRETDB = Family("ferretdb", "ferretdb", ".", "1.24.2", minutes=1.5)


def pulumi_family() -> Family:
    wanted = version("pulumi")
    flag = f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{wanted}"
    return Family("pulumi", "pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", wanted, ("grpcnotrace",), (flag,), minutes=5)


def pulumi(report: Report) -> Path:
    """The Pulumi CLI: from PATH if it fits, else the one in the cache, else downloaded, else built."""
    family = pulumi_family()
    found = on_path(family.version)
    if found:
        return found
    target = installed(family, cache())
    if target.exists():
        return target
    downloaded = _download(family, target, report)
    return downloaded or build(family, cache(), report)


def ferretdb(report: Report) -> Path:
    return build(FERRETDB, cache(), report)


def on_path(wanted: str) -> Path | None:
    """The `pulumi` on PATH when it says exactly the wanted version."""
    found = shutil.which("pulumi")
    if not found:
        return None
    said = subprocess.run([found, "version"], capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    return Path(found) if said == f"v{wanted}" else None


def _download(family: Family, target: Path, report: Report) -> Path | None:
    """The official release, checked against its published checksum; None where the network does not give it."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    name = f"pulumi-v{family.version}-{platform.system().lower()}-{machine}.tar.gz"
    base = f"https://github.com/pulumi/pulumi/releases/download/v{family.version}"
    try:
        sums = _get(f"{base}/pulumi-{family.version}-checksums.txt", ANSWER_S).decode()
        report(f"downloading {name}")
        data = _get(f"{base}/{name}", ANSWER_S)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    wanted = {parts[1]: parts[0] for line in sums.splitlines() if len(parts := line.split()) == 2}.get(name)
    if hashlib.sha256(data).hexdigest() != wanted:
        raise CmctlError(f"{name} does not have its published checksum", why="the download was changed on its way", hint="cmctl toolchain")
    return _unpack(data, target)


def _get(url: str, timeout_s: float) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout_s) as answer:  # noqa: S310 - https constants above
        return bytes(answer.read())


def _unpack(data: bytes, target: Path) -> Path:
    """All programs of the archive beside each other, in place only when whole."""
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=target.parent.parent, prefix=".unpacking-"))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(folder, filter="data")
    shutil.rmtree(target.parent, ignore_errors=True)
    (folder / "pulumi").replace(target.parent)
    shutil.rmtree(folder)
    return target
