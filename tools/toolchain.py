"""The programs cmctl drives: the Pulumi CLI of exactly the SDK's version, and the database of local environments."""

from __future__ import annotations

import hashlib
import http.client
import os
import platform
import shutil
import subprocess
import tarfile
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path

from environments.home import cache
from environments.reach import reaches
from errors import CmctlError
from tools.builder import PROGRESS_S, Family, Report, alone, begun, build, installed

ANSWER_S = 5
DOWNLOAD_S = 600
RELEASES = "https://github.com/pulumi/pulumi/releases/download"
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
    return _download(family, target, report) or build(family, cache(), report)


def ferretdb(report: Report) -> Path:
    return build(FERRETDB, cache(), report)


def on_path(wanted: str) -> Path | None:
    """The `pulumi` on PATH when it says exactly the wanted version."""
    found = shutil.which("pulumi")
    if not found:
        return None
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            [found, "version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Path(found) if done.stdout.strip() == f"v{wanted}" else None


def archive_name(wanted: str, system: str, machine: str) -> str:
    kind = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(machine.lower(), machine.lower())
    return f"pulumi-v{wanted}-{system.lower()}-{kind}.tar.gz"


def _download(family: Family, target: Path, report: Report, releases: str = RELEASES) -> Path | None:
    """The official release, checked against its published checksum; None where the network does not give it."""
    name = archive_name(family.version, platform.system(), platform.machine())
    base = f"{releases}/v{family.version}"
    sums_url = f"{base}/pulumi-{family.version}-checksums.txt"
    if not reaches(sums_url, ANSWER_S):
        return None
    with alone(target.parent.parent, report), begun(target.parent.parent) as folder:
        if target.exists():
            return target
        report(f"downloading {name}")
        try:
            sums = _fetch(sums_url, folder / "sums", report).read_text(encoding="utf-8")
            archive = _fetch(f"{base}/{name}", folder / name, report)
        except (OSError, http.client.HTTPException) as error:
            report(f"the official release cannot be had ({error}): it is built here instead")
            return None
        _check(archive, sums)
        return _unpack(archive, target)


def _fetch(url: str, to: Path, report: Report) -> Path:
    """Copy `url` to a file; OSError when it fails or takes longer than 10 min."""
    start = told = time.monotonic()
    with urllib.request.urlopen(url, timeout=ANSWER_S) as answer, to.open("wb") as file:  # noqa: S310 - https constants above
        whole = answer.length
        while block := answer.read(1 << 20):
            file.write(block)
            now = time.monotonic()
            if now - start > DOWNLOAD_S:
                raise TimeoutError(f"not whole after {DOWNLOAD_S} s")
            if now - told > PROGRESS_S:
                told = now
                report(f"downloading {to.name}: {file.tell() / 1e6:.0f} MB in {now - start:.0f} s")
        if whole is not None and file.tell() != whole:
            raise ConnectionError(f"{to.name} broke off after {file.tell()} of {whole} bytes")
    return to


def _check(archive: Path, sums: str) -> None:
    wanted = {parts[1]: parts[0] for line in sums.splitlines() if len(parts := line.split()) == 2}.get(archive.name)
    with archive.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != wanted:
        raise CmctlError(
            f"{archive.name} does not have its published checksum", why=f"it is {got}, published is {wanted}", hint="cmctl toolchain"
        )


def _unpack(archive: Path, target: Path) -> Path:
    """All programs of the archive beside each other, in place only when whole."""
    with tarfile.open(archive) as packed:
        if hasattr(tarfile, "data_filter"):  # Debian 12's Python 3.11.2 has none; what is unpacked has the published checksum
            packed.extraction_filter = tarfile.data_filter
        packed.extractall(archive.parent)  # noqa: S202 - see above
    shutil.rmtree(target.parent, ignore_errors=True)
    (archive.parent / "pulumi").replace(target.parent)
    return target
