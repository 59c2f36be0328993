"""What `place` answers: which instance sits on which host, port and slot. Values only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from environments.model import Environment
from phases.model import Phase, Platform

Slot = Literal["blue", "green"]
SLOTS: tuple[Slot, Slot] = ("blue", "green")


@dataclass(frozen=True)
class Published:
    """A host's port that leads into a container: `address`:`port` on the host to `inside` in the container.

    `sources` are the addresses or networks that have to come in, `why` says for what; no sources mean anyone.
    """

    address: str
    port: int
    inside: int
    sources: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Instance:
    """One container of a service in one slot. `address`:`port` is its own place in its host's container network."""

    service: str
    index: int
    slot: Slot
    host: str
    address: str
    port: int
    memory_mb: int
    cpus: float
    workers: int
    weight: int
    published: tuple[Published, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.service}-{self.index}"

    def seen_from(self, host: str) -> str:
        """`address:port` for callers on `host`."""
        return _seen(self, host)


@dataclass(frozen=True)
class Fixed:
    """One container that is never in a slot: load balancer, Redis, database, Prometheus, exporters, edge."""

    name: str
    image: str
    host: str
    address: str
    port: int
    memory_mb: int
    cpus: float
    stateful: bool
    published: tuple[Published, ...] = ()

    def seen_from(self, host: str) -> str:
        """`address:port` for callers on `host`."""
        return _seen(self, host)


def _seen(one: Instance | Fixed, host: str) -> str:
    """On its own host a container's own address; from elsewhere the host's port. Raises LookupError when none leads in."""
    if one.host == host:
        return f"{one.address}:{one.port}"
    for opened in one.published:
        if opened.inside == one.port:
            return f"{opened.address}:{opened.port}"
    raise LookupError(f"{one.name} on {one.host} has no port that {host} could reach")


@dataclass(frozen=True)
class Layout:
    """One layer (`data`, `edge` or a phase) of a platform in an environment, placed.

    `hosts` are those that run something of it; `phases` all phases that may stand beside this one.
    """

    platform: Platform
    phase: Phase
    environment: Environment
    layer: str
    hosts: tuple[str, ...]
    instances: tuple[Instance, ...]
    fixed: tuple[Fixed, ...]
    phases: tuple[Phase, ...]

    @property
    def stack(self) -> str:
        return self.stack_of(self.layer)

    def stack_of(self, layer: str) -> str:
        """The name of another layer's stack in the same environment."""
        return f"{self.platform.name}-{self.environment.name}-{layer}"

    def of(self, service: str, slot: Slot) -> tuple[Instance, ...]:
        return tuple(one for one in self.instances if one.service == service and one.slot == slot)

    def drainable(self) -> tuple[str, ...]:
        """Hosts of instances that every service can do without, because it has others."""
        services = {service: {one.host for one in self.instances if one.service == service} for service in self.phase.workloads}
        return tuple(sorted({one.host for one in self.instances if all(hosts - {one.host} for hosts in services.values())}))

    @property
    def everything(self) -> tuple[Instance | Fixed, ...]:
        return (*self.fixed, *self.instances)

    def on(self, host: str) -> tuple[Instance | Fixed, ...]:
        return tuple(one for one in self.everything if one.host == host)

    def all(self, name: str) -> tuple[Fixed, ...]:
        """The fixed containers called `name`, one a host."""
        return tuple(one for one in self.fixed if one.name == name)
