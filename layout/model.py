"""What `place` answers: which instance sits on which host, port and slot. Values only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from environments.model import Environment
from phases.model import Phase, Platform

Slot = Literal["blue", "green"]
SLOTS: tuple[Slot, Slot] = ("blue", "green")


@dataclass(frozen=True)
class Instance:
    """One container of a service in one slot.

    `address`:`port` is how the load balancer reaches it: on the balancer's own host the container's own address and port,
    from another host the host's address and a published port.
    """

    service: str
    index: int
    slot: Slot
    host: str
    address: str
    port: int
    own_address: str
    own_port: int
    memory_mb: int
    cpus: float
    workers: int
    weight: int

    @property
    def name(self) -> str:
        return f"{self.service}-{self.index}"


@dataclass(frozen=True)
class Fixed:
    """One container that is never in a slot: load balancer, Redis, database, Prometheus, exporters, edge.

    `published` are host ports opened for it, as (address, host port, container port).
    """

    name: str
    image: str
    host: str
    address: str
    port: int
    memory_mb: int
    cpus: float
    stateful: bool
    published: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class Layout:
    """One layer (`data`, `edge` or a phase) of a platform in an environment, placed."""

    platform: Platform
    phase: Phase
    environment: Environment
    layer: str
    hosts: tuple[str, ...]
    instances: tuple[Instance, ...]
    fixed: tuple[Fixed, ...]

    @property
    def stack(self) -> str:
        return f"{self.platform.name}-{self.environment.name}-{self.layer}"

    def of(self, service: str, slot: Slot) -> tuple[Instance, ...]:
        return tuple(one for one in self.instances if one.service == service and one.slot == slot)

    def on(self, host: str) -> tuple[Instance | Fixed, ...]:
        everything: tuple[Instance | Fixed, ...] = (*self.fixed, *self.instances)
        return tuple(one for one in everything if one.host == host)

    def one(self, name: str) -> Fixed:
        """The fixed container called `name`. Raises KeyError when this layer has none."""
        for fixed in self.fixed:
            if fixed.name == name:
                return fixed
        raise KeyError(name)
