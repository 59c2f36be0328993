"""Which labs this machine has, and what each was asked to be. One lab per home of cmctl, one home per lab's name."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from environments import private_files
from environments.home import home
from errors import BadInput
from tools.lab.call import HELD
from tools.lab.plan import SUBNET

DISK_GIB = 12
RUN = Path("/run/cmctl-lab")


@dataclass(frozen=True)
class Record:
    """What `up` was asked for. `memory_mb` of None: each host sees all of the machine's memory."""

    name: str
    subnet: str = SUBNET
    hosts: int = 0
    bare: bool = False
    disk_gib: int = DISK_GIB
    memory_mb: int | None = None

    @property
    def size(self) -> str:
        """In words, with the options that ask for it."""
        memory = f" --memory-mb {self.memory_mb}" if self.memory_mb else ""
        return f"{'--bare' if self.bare else '--ready'} --disk-gib {self.disk_gib}{memory}"


def folder() -> Path:
    return home() / "lab"


def read(where: Path | None = None) -> Record | None:
    """The lab of this home, or of the folder given; None when it has none."""
    path = (where or folder()) / "lab.json"
    return Record(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def write(record: Record, owner: Path) -> None:
    owner.write_text(f"{folder()}\n", encoding="utf-8")
    private_files.write(folder() / "lab.json", json.dumps(asdict(record)) + "\n")


def remove(name: str, owner: Path) -> None:
    """The lab's own folder, in whatever home it lies, and its claim to the name."""
    kept = Path(owner.read_text(encoding="utf-8").strip() or folder())
    lab = read(kept)
    if lab and lab.name == name:
        shutil.rmtree(kept)
    owner.write_bytes(b"")


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """Hold a lab's name on this machine; a killed holder lets go. Yields the file that says whose home the lab has."""
    path = RUN / name
    descriptor = _taken(path)
    HELD.add(descriptor)
    try:
        yield path
    finally:
        HELD.discard(descriptor)
        if not path.stat().st_size:
            path.unlink()
        with suppress(OSError):  # another lab's name is in it
            RUN.rmdir()
        os.close(descriptor)


def _taken(path: Path) -> int:
    while True:
        with suppress(FileNotFoundError, FileExistsError):  # the folder goes and comes with the last and the first lab
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is(path, descriptor):
                return descriptor
            os.close(descriptor)


def _is(path: Path, descriptor: int) -> bool:
    """Whether an open file still has its name: the holder before may have removed it, and then its lock is nobody's."""
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def refuse_a_second(path: Path, record: Record) -> None:
    """Raises BadInput when this home has another lab, or another home a lab of this name."""
    own = read()
    if own and own.name != record.name:
        raise BadInput(
            f"this home has the lab {own.name!r} already",
            why="its keys and known_hosts lie in one place",
            hint=f"cmctl lab down --name {own.name}, or another CMCTL_HOME",
        )
    owner = path.read_text(encoding="utf-8").strip()
    if owner and owner != str(folder()) and Path(owner).exists():
        raise BadInput(
            f"the lab {record.name!r} belongs to {owner}",
            why="two homes would fight over it",
            hint=f"cmctl lab down --name {record.name}, or another name: cmctl lab up --name other",
        )
