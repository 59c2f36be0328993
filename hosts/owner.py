"""Who holds a lease: one process of one machine, named so that nobody else is ever taken for it."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path


def me() -> str:
    """`user@machine pid start place`: `start` is the process's start in ticks since boot, `place` its boot and pid namespace."""
    pid = str(os.getpid())
    return f"{getpass.getuser()}@{socket.gethostname()} {pid} {_start_of(pid)} {_place()}"


def _start_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "gone"


def _place() -> str:
    """Two laptops with one name, a container beside its host, and one machine after a reboot are different places."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return "unknown"


@dataclass(frozen=True)
class Holder:
    """Who holds the lease of a host, since when (UTC) and for what."""

    token: str
    owner: str
    since: str
    operation: str

    def gone(self) -> bool:
        """Whether the owner is known to have ended: it ran where this process runs, and is no longer there."""
        who, pid, start, place = (*self.owner.rsplit(" ", 3), "", "", "")[:4]
        return bool(who) and place == _place() != "unknown" and _start_of(pid) != start

    def person(self) -> str:
        who, pid = (*self.owner.rsplit(" ", 3), "?")[:2]
        return f"{who} pid {pid}"
