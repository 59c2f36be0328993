"""A host that shall become what a phase asks for: the size that it needs, and the steps of a person in the provider's panel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from environments import home as homes
from environments import load as environments
from environments.model import Environment
from errors import BadInput
from hosts.bootstrap import panel
from hosts.bootstrap.model import System
from hosts.bootstrap.panel import Size
from layout import roles
from layout.place import place
from layout.release import Target
from phases import load as platforms
from templates import release

Report = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """One host, and what it shall become."""

    name: str
    target: Target
    size: Size


def wish(platform: str, environment: str, phase: int, name: str) -> Wish:
    """What a phase buys for a host: the largest of the roles that it plays there. Raises BadInput when it plays none."""
    loaded, current = platforms.load(platform), environments.load(environment)
    bought = [
        size
        for role, size in loaded.phase(phase).hosts.items()
        if any(role in one.roles for one in current.hosts.values()) and name in roles.players(loaded.phase(phase), current, role)
    ]
    target = target_of(platform, current, name)
    if not bought:
        raise BadInput(f"{name} plays no role in phase {phase}", why="so the phase asks for no size", hint="cmctl phases")
    size = Size(max(one.memory_mb for one in bought), max(one.cpus for one in bought), max(one.disk_gb for one in bought))
    return Wish(name, target, size)


def target_of(platform: str, environment: Environment, name: str) -> Target:
    """How a host of an environment is reached. Raises BadInput for an unknown one, and for this machine."""
    host = environment.hosts.get(name)
    if host is None or host.connection != "ssh":
        known = ", ".join(one for one, facts in environment.hosts.items() if facts.connection == "ssh") or "none"
        raise BadInput(f"environment {environment.name} has no host {name!r} that is reached over SSH", why=f"it has: {known}")
    loaded = platforms.load(platform)
    first = next(phase for phase in loaded.phases.values() if phase.runtime == "compose")
    return release.target(place(loaded.platform, first, environment, "data"), name, homes.home())


def wait(wish: Wish, limit_s: float, report: Report) -> System:
    return asyncio.run(panel.grown(wish.name, wish.target, wish.size, limit_s, report))


def snapshot(platform: str, environment: str, name: str, called: str) -> str:
    """Write down that a snapshot was taken; returns all that were."""
    target = target_of(platform, environments.load(environment), name)
    return asyncio.run(panel.note_snapshot(name, target, called))
