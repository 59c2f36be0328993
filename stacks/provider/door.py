"""What the provider asks of machines. `hosts/` does it; a test may name a double of its own."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from hosts.events import Outcome, Report

if TYPE_CHECKING:
    from layout.machine import Machine
    from layout.release import ReleaseSpec, Target

DOUBLE = "CMCTL_DOOR"


@dataclass(frozen=True)
class Running:
    """What really runs of a stack.

    `spec` has the files as they lie on the hosts. `problems`: host → container → its state, for every container that should
    run and does not.
    """

    spec: ReleaseSpec
    release: str
    slot: str
    problems: Mapping[str, Mapping[str, str]]


class Door(Protocol):
    """All calls may be cancelled; `apply` then takes back what it began and raises Interrupted."""

    async def apply(self, spec: ReleaseSpec, report: Report) -> Outcome: ...

    async def observe(self, spec: ReleaseSpec) -> Running | None:
        """None where nothing of the stack has settled."""

    async def remove(self, spec: ReleaseSpec, *, keep_volumes: bool) -> None: ...

    async def machine(self, name: str, target: Target, wanted: Machine) -> Machine:
        """What there is of `wanted` on a host."""

    async def make(self, name: str, target: Target, wanted: Machine, report: Report) -> None:
        """Make a host `wanted`; what is right already is not touched."""

    async def strangers(self, name: str, target: Target) -> Mapping[str, str]:
        """Running containers on a host that nobody placed: name → what is wrong."""

    async def send_away(self, name: str, target: Target, names: list[str]) -> None:
        """Stop strangers; nothing of theirs is removed."""

    async def facts(self, name: str, target: Target) -> Mapping[str, Any]:
        """Engine (version), os, memory_mb, cpus of a host. Raises Unreachable when it or its engine does not answer."""


@cache
def door() -> Door:
    """The real hosts (imported when the first of them is asked for: a preview asks for none), or the double that $CMCTL_DOOR names as `module:function` (tests only)."""
    module, _, function = os.environ.get(DOUBLE, "stacks.provider.real:door").partition(":")
    make = cast("Callable[[], Door]", getattr(importlib.import_module(module), function))
    return make()
