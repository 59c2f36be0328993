"""Steps that only a person can take, in a provider's panel: shown, waited for, and then seen on the machine itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from errors import GateRefused
from hosts.bootstrap import system as systems
from hosts.bootstrap.door import connection
from hosts.bootstrap.model import System
from hosts.connection import output
from hosts.ssh_errors import Lost, NoAnswer, Refused
from layout.release import Target

LOOK_S = 10.0
# A machine tells less than was sold: firmware and kernel keep a part of the memory, the file system a part of the disk.
TOLD = 0.9
DISK_TOLD = 0.8
MB_PER_GB = 953.7
SNAPSHOTS = "/var/lib/cmctl/snapshots"
NOTE = 'mkdir -p "$(dirname "$1")"; echo "$(date -u +%Y-%m-%dT%H:%MZ) $2" >> "$1"; sync "$1"'

RESIZE = {
    "hostinger": ("hPanel → VPS → the machine → Settings → Upgrade plan", "choose the plan, pay, and wait until the panel says Running"),
    "hetzner": (
        "Cloud Console → the server → Power off",
        "→ Rescale → choose the type, with its disk (a bigger disk cannot be undone)",
        "→ Power on",
    ),
    "other": ("your provider's panel → the machine → resize, or change plan", "let it grow the disk too, and start it again"),
}
SNAPSHOT = {
    "hostinger": ("hPanel → VPS → the machine → Backups & Monitoring → Snapshots", "→ Create snapshot (an older one is replaced)"),
    "hetzner": ("Cloud Console → the server → Snapshots → Take snapshot",),
    "other": ("your provider's panel → the machine → snapshots → create",),
}


@dataclass(frozen=True)
class Size:
    """What was bought: memory in MiB, CPUs, disk in GB."""

    memory_mb: int
    cpus: int
    disk_gb: int


def lacking(system: System, size: Size) -> list[str]:
    """What a machine still lacks, as sentences; empty when it has grown."""
    found = []
    if system.memory_mb < size.memory_mb * TOLD:
        found.append(f"memory is {system.memory_mb} MiB, not {size.memory_mb} MiB")
    if system.cpus < size.cpus:
        found.append(f"CPUs are {system.cpus}, not {size.cpus}")
    if system.disk_mb < size.disk_gb * MB_PER_GB * DISK_TOLD:
        found.append(f"the file system has {system.disk_mb} MiB, not {size.disk_gb} GB (after the disk itself: growpart and resize2fs)")
    return found


async def grown(name: str, target: Target, size: Size, limit_s: float, report: Callable[[str], None]) -> System:
    """Wait until the machine has the size; it is away while it grows. Raises GateRefused that says what it still lacks."""
    end, said = time.monotonic() + limit_s, ""
    while True:
        now = await _state(name, target, size)
        if isinstance(now, System):
            return now
        if now != said:
            report(f"{name}: {now}")
        said = now
        if time.monotonic() + LOOK_S > end:
            raise GateRefused(
                f"{name} has not grown: {said}",
                why=f"waited {limit_s / 60:.0f} minutes",
                hint="when the panel is done, run the same command",
            )
        await asyncio.sleep(LOOK_S)


async def _state(name: str, target: Target, size: Size) -> System | str:
    try:
        seen = await systems.system(connection(name, target))
    except (NoAnswer, Refused, Lost):
        return "does not answer: it grows, or starts"
    left = lacking(seen, size)
    return "; ".join(left) if left else seen


async def note_snapshot(name: str, target: Target, snapshot: str) -> str:
    """Write a snapshot's name down on the machine; returns all that stand there."""
    host = connection(name, target)
    await output(host, ["sh", "-ec", NOTE, "note", SNAPSHOTS, snapshot], what="writing the snapshot down")
    return await output(host, ["cat", SNAPSHOTS])
