"""What is looked at on every machine before any is changed; all findings of all machines at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from errors import BadInput, CmctlError, Unreachable
from hosts.bootstrap import system as systems
from hosts.bootstrap.door import connection
from hosts.bootstrap.model import SUPPORTED, System
from layout.release import Target

# Leases live for 30 s, and certificates and logs are read by the clock.
CLOCK_S = 10


@dataclass(frozen=True)
class Need:
    """What a host has to have. `memory_mb` for its containers (both slots) and itself; `disk_mb` of the file system, `free_mb` left on it.

    `owner`: the `platform/environment/host` that it is going to be.
    """

    memory_mb: int
    disk_mb: int
    free_mb: int
    owner: str


async def check(targets: Mapping[str, Target], needs: Mapping[str, Need]) -> dict[str, System]:
    """The systems, when all of them will do. Raises Unreachable (7) when one does not answer, else BadInput (2); both list everything."""
    seen = await asyncio.gather(*(look(name, target) for name, target in targets.items()))
    away = [one for one in seen if isinstance(one, CmctlError)]
    there = {name: one for name, one in zip(targets, seen, strict=True) if isinstance(one, tuple)}
    findings = [line for name, (system, offset) in there.items() for line in judge(name, system, offset, needs[name])]
    if away:
        told = [str(one).replace("\n", "\n  ") for one in away]
        raise Unreachable(
            "\n".join([*told, *findings]), why="nothing was changed", hint="mend what is named above, then run the same command"
        )
    if findings:
        raise BadInput("\n".join(findings), why="nothing was changed", hint="mend what is named above, then run the same command")
    return {name: system for name, (system, _) in there.items()}


async def look(name: str, target: Target) -> tuple[System, float] | CmctlError:
    """A system and how many seconds its clock is ahead of ours, or why it cannot be told."""
    before = time.time()
    try:
        found = await systems.system(connection(name, target))
    except CmctlError as error:
        return error
    return found, found.clock + 0.5 - (before + time.time()) / 2


def judge(name: str, system: System, offset_s: float, need: Need) -> list[str]:
    """What stands in the way on one machine, as sentences with what to do."""
    found = []
    if not system.supported:
        known = "; ".join(f"{distribution} {', '.join(versions)}" for distribution, versions in SUPPORTED.items())
        found.append(f"{name}: {system.name} is not supported ({known})")
    if system.user != "root":
        found.append(f"{name}: commands run as {system.user}, who is not root: give a user with sudo, or user: root")
    if system.memory_mb < need.memory_mb:
        found.append(f"{name}: {system.memory_mb} MiB of memory, its containers need {need.memory_mb} MiB: cmctl host resize {name}")
    if system.disk_mb < need.disk_mb:
        found.append(f"{name}: a disk of {system.disk_mb} MiB, the phase asks for {need.disk_mb} MiB: cmctl host resize {name}")
    elif system.disk_free_mb < need.free_mb:
        found.append(f"{name}: {system.disk_free_mb} MiB free, {need.free_mb} MiB are needed for images and logs (runbooks/disk-full.md)")
    if abs(offset_s) > CLOCK_S:
        way = "ahead" if offset_s > 0 else "behind"
        found.append(
            f"{name}: its clock is {_told(abs(offset_s))} {way} of this machine's: timedatectl set-ntp true, on the one that is wrong"
        )
    if system.owner not in {"", need.owner}:
        found.append(
            f"{name}: it belongs to {system.owner}, not to {need.owner}: a host is one environment's (/etc/cmctl/environment there)"
        )
    return found


def _told(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 7200 else f"{seconds / 3600:.0f} h"
