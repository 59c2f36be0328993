"""Which labs this machine has, and what each was asked to be. One lab per home of cmctl, one home per lab's name."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from environments import private_files
from environments.home import home
from errors import BadInput
from tools.lab.plan import SUBNET

RUN = Path("/run/cmctl-lab")


@dataclass(frozen=True)
class Record:
    """What `up` was asked for."""

    name: str
    subnet: str = SUBNET
    hosts: int = 0
    bare: bool = False


def folder() -> Path:
    return home() / "lab"


def read() -> Record | None:
    """The lab of this home; None when it has none."""
    path = folder() / "lab.json"
    return Record(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def write(record: Record) -> None:
    private_files.write(folder() / "lab.json", json.dumps(asdict(record)) + "\n")


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """Hold a lab's name on this machine; a killed holder lets go. Yields the file that says whose home the lab has."""
    RUN.mkdir(parents=True, exist_ok=True)
    path = RUN / name
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # `down` removes the file: who waited for it must take the new one.
        if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
            break
        os.close(descriptor)
    try:
        yield path
    finally:
        os.close(descriptor)


def claim(path: Path, record: Record) -> None:
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
        raise BadInput(f"the lab {record.name!r} belongs to {owner}", why="two homes would fight over it", hint="cmctl lab up --name other")
    path.write_text(f"{folder()}\n", encoding="utf-8")
