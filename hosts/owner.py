"""Who owns a lease: `user@machine:pid@start@kernel`, which names one process for ever, and only where it can be seen."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path


def me() -> str:
    pid = str(os.getpid())
    return f"{getpass.getuser()}@{socket.gethostname()}:{pid}@{_start(pid)}@{_kernel()}"


def gone(owner: str) -> bool:
    """Whether the owner's process has ended. Of another machine, boot or pid namespace nothing is known: not gone."""
    pid, start, kernel = (*owner.rpartition(":")[2].split("@"), "", "")[:3]
    return bool(kernel) and kernel == _kernel() and _start(pid) != start


def shown(owner: str) -> str:
    """The owner for a person: user@machine pid N."""
    place, _, process = owner.rpartition(":")
    return f"{place} pid {process.partition('@')[0]}"


def _start(pid: str) -> str:
    """When a process started, in clock ticks since boot; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _kernel() -> str:
    """This boot and this pid namespace; two containers of one host name do not see each other's processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot[:8]}.{Path('/proc/self/ns/pid').readlink().name[5:-1]}"
    except OSError:
        return ""
