"""Locked Python packages of an image of ours, unpacked for the Python of the base they go into, kept in the cache by their lock."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from environments.home import cache
from images.base import digest, run

Report = Callable[[str], None]
OLDEST_GLIBC = 17


def command(lock: Path, target: Path, python: str, glibc: int) -> list[str]:
    """Arguments of pip: only wheels, and only those that fit the base, which is not the Python that runs cmctl."""
    names = [f"manylinux_2_{minor}" for minor in range(glibc, OLDEST_GLIBC - 1, -1)] + ["manylinux2014"]
    platforms = [part for name in names for part in ("--platform", f"{name}_{platform.machine()}")]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile", "--no-deps"]
    return [
        *pip,
        "--only-binary=:all:",
        "--python-version",
        python,
        *platforms,
        "--require-hashes",
        "--target",
        str(target),
        "-r",
        str(lock),
    ]


def unpacked(lock: Path, python: str, glibc: int, report: Report) -> Path:
    """The folder of unpacked packages; made whole or not at all."""
    target = cache() / "wheels" / digest([lock.read_bytes(), f"{python} {glibc} {platform.machine()}".encode()])
    if target.exists():
        return target
    report(f"fetching the locked packages of {lock.parent.name} for Python {python}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as name:
        whole = Path(name) / "lib"
        run(command(lock, whole, python, glibc), dict(os.environ), f"fetching the packages of {lock.parent.name}")
        _place(whole, target)
    return target


def _place(whole: Path, target: Path) -> None:
    try:
        whole.replace(target)
    except OSError:
        if not target.exists():  # otherwise another run was faster, and its folder is as good
            raise
