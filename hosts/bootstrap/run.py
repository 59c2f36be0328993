"""Bootstrapping one machine: facts → differences → steps, and the facts once more, because a step that ended well may still be wrong.

A second run finds no difference and writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from errors import CmctlError
from hosts import detached
from hosts.bootstrap import system as systems
from hosts.bootstrap.accounts import Directories, Users
from hosts.bootstrap.engine import Compose, Engine
from hosts.bootstrap.firewall import Firewall
from hosts.bootstrap.guard import Again, guarded
from hosts.bootstrap.model import Item, Step, System
from hosts.bootstrap.packages import Packages
from hosts.bootstrap.services import Services
from hosts.bootstrap.settings import Files, Swap, Sysctl
from hosts.bootstrap.sshd import Sshd
from hosts.connection import Connection, output
from hosts.events import Report, StepEvent, silent
from layout.machine import Machine, differences

MARK = "#cmctl-section "
LONG_S = 900
SHORT_S = 300
POLL_S = 20
RUNS = "/run/cmctl/runs"


@dataclass(frozen=True)
class Plan:
    """What is there, what differs (`section.key` → found, wanted), and the steps that end the difference."""

    system: System
    found: Machine
    differences: dict[str, tuple[Any, Any]]
    steps: tuple[Step, ...]


def items() -> tuple[Item, ...]:
    """In the order of work: what later ones need comes first, what could cut the way in comes last."""
    return (
        Packages(), Users(), Directories(), Files(), Sysctl(), Swap(), Engine(), Compose(), Firewall(), Services(), Sshd(),
    )  # fmt: skip


async def found(host: Connection, wanted: Machine, known: Sequence[Item] = ()) -> Machine:
    """What there is of `wanted`, in one trip. Reads only."""
    asked = known or items()
    probes = "\n".join(f"printf '\\n%s\\n' '{MARK}{item.section}'\n{item.probe(wanted)}" for item in asked)
    text = await output(host, ["sh", "-s"], stdin=f"exec 2>/dev/null\n{probes}\ntrue\n".encode(), timeout_s=60, what="reading the machine")
    parts = {part.partition("\n")[0]: part.partition("\n")[2] for part in text.split(f"\n{MARK}")[1:]}
    return Machine(**{item.section: item.found(parts.get(item.section, ""), wanted) for item in asked})


async def plan(host: Connection, wanted: Machine) -> Plan:
    """Raises CmctlError for a system that is not supported."""
    system = await systems.system(host)
    if not system.supported:
        raise CmctlError(
            f"{host.name} runs {system.name}", why="cmctl knows Debian 12 and Ubuntu 22.04 and 24.04", hint="install one of these there"
        )
    known = items()
    there = await found(host, wanted, known)
    steps = tuple(step for item in known for step in item.steps(there, wanted, system))
    return Plan(system, there, differences(there, wanted), steps)


async def apply(host: Connection, wanted: Machine, again: Again, report: Report = silent) -> Plan:
    """Make the machine `wanted`; returns what was done. Raises CmctlError when something is still different afterwards."""
    todo = await plan(host, wanted)
    if not todo.differences:
        return todo
    work = _Work(host, len(todo.steps), report)
    for step in (one for one in todo.steps if not one.risky):
        await work.carry_out(step)
    risky = [one for one in todo.steps if one.risky]
    if risky:
        await guarded(host, risky, work.carry_out, again)
    await _settled(host, wanted)
    return todo


async def _settled(host: Connection, wanted: Machine) -> None:
    left = differences(await found(host, wanted), wanted)
    if left:
        told = "\n".join(f"{path}: {old!r}, not {new!r}" for path, (old, new) in left.items())
        raise CmctlError(f"{host.name} is not as it has to be after all steps", why=told, hint="the same command goes on from here")


class _Work:
    """Carries steps out one by one and tells of each."""

    def __init__(self, host: Connection, total: int, report: Report) -> None:
        self._host, self._total, self._report, self._number = host, total, report, 0

    async def carry_out(self, step: Step) -> None:
        self._number += 1
        name, started = f"{self._host.name}: {step.what}", time.monotonic()
        self._report(StepEvent(name, self._number, self._total, "begin"))
        if step.long:
            await _detached(self._host, f"{self._number}", step)
        else:
            await output(self._host, step.argv, stdin=step.stdin, timeout_s=SHORT_S, what=step.what)
        self._report(StepEvent(name, self._number, self._total, "end", "done", time.monotonic() - started))


async def _detached(host: Connection, name: str, step: Step) -> None:
    """A connection that dies does not end the program: an interrupted package manager is a mess."""
    folder = f"{RUNS}/{name}"
    await output(host, ["sh", "-c", detached.START, "start", folder, *step.argv], what=step.what)
    limit = time.monotonic() + LONG_S
    while time.monotonic() < limit:
        done = await host.run(["sh", "-c", detached.POLL, "poll", folder], timeout_s=POLL_S)
        if done.code == detached.UNDER_WAY:
            continue
        code, _, log = done.stdout.partition("\n")
        if code.strip() != "0":
            raise CmctlError(f"{step.what} failed on {host.name} (exit {code.strip()})", why="\n".join(log.strip().splitlines()[-12:]))
        return
    raise CmctlError(f"{step.what} did not end within {LONG_S} s on {host.name}", why="it goes on there; the next command looks again")
