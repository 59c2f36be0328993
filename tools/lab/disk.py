"""A host's disk: an image of its own size on this machine, full when the host has filled it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tools.lab.call import must

BALLAST = "var/lib/ballast"
# What is taken at a time until nothing is left, the largest first.
STEPS = (64 << 20, 1 << 20, 4096)


@dataclass(frozen=True)
class Space:
    """Bytes of a disk."""

    size: int
    free: int


def make(image: Path, gib: int) -> None:
    """A sparse ext4 image: it takes from this machine what the host writes. One whose making was killed does not count."""
    if image.exists():
        return
    begun = image.with_suffix(".begun")
    with begun.open("wb") as file:
        file.truncate(gib << 30)
    # No blocks are kept for root: a full disk is full for everybody.
    must(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", str(begun)])
    begun.rename(image)


def in_use(image: Path) -> bool:
    """Whether a loop device still has the image: two would destroy it."""
    image = image.resolve()
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            if path.read_text(encoding="utf-8").strip() == str(image):
                return True
    return False


def fill(first: int, leave: int = 0) -> None:
    """Take all that is free but `leave` bytes, in one file, on the disk of the running host with this first process."""
    descriptor = os.open(_root(first) / BALLAST, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for step in STEPS:
            with suppress(OSError):
                while space(first).free - leave >= step:
                    os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, step)
    finally:
        os.close(descriptor)


def free(first: int) -> None:
    """Give back what `fill` took."""
    (_root(first) / BALLAST).unlink(missing_ok=True)


def space(first: int) -> Space:
    seen = os.statvfs(_root(first))
    return Space(seen.f_blocks * seen.f_frsize, seen.f_bavail * seen.f_frsize)


def _root(first: int) -> Path:
    return Path("/proc", str(first), "root")
