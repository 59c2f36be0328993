"""A folder of packages is a source that apt reads."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.lab import packages

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no Debian, no Debian packages")


def made(folder: Path, name: str) -> Path:
    control = folder / name / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(
        f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: one\n two\n"
    )
    archive = folder / f"{name}_1.0_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", control.parent.parent, archive], check=True, capture_output=True)
    shutil.rmtree(control.parent.parent)
    return archive


def test_the_index_names_every_package_with_its_hash(tmp_path: Path) -> None:
    """One paragraph per package, parted by an empty line: its control file, where it lies, its size and hash."""
    archives = [made(tmp_path, name) for name in ("one", "two")]
    assert packages.index(tmp_path) == 2
    paragraphs = (tmp_path / "Packages").read_text().strip().split("\n\n")
    assert [paragraph.splitlines()[0] for paragraph in paragraphs] == ["Package: one", "Package: two"]
    for archive, paragraph in zip(archives, paragraphs, strict=True):
        assert f"Filename: ./{archive.name}" in paragraph
        assert f"Size: {archive.stat().st_size}" in paragraph
        assert f"SHA256: {hashlib.sha256(archive.read_bytes()).hexdigest()}" in paragraph
        assert "\n two\n" in paragraph
