"""How each host of an environment has to be: one value for all stacks that use the host, so that none undoes what another did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from errors import BadInput
from layout.machine import Machine, machine
from layout.model import Layout
from layout.place import place
from stacks.deployment import Facts


@dataclass(frozen=True)
class Opening:
    host: str
    port: int
    protocol: str
    sources: tuple[str, ...]
    why: str


def machines(facts: Facts) -> dict[str, Machine]:
    """Host → machine, for the hosts that are reached over SSH. This machine is its owner's: nothing is prepared on it."""
    environment = facts.environment
    opened = tuple(_openings(_layouts(facts)))
    return {
        name: machine(facts.loaded.platform.name, environment, name, opened)
        for name, host in environment.hosts.items()
        if host.connection == "ssh"
    }


def _layouts(facts: Facts) -> Iterator[Layout]:
    """Every layer of every phase that fits: what stays open must not depend on which phase is being deployed."""
    for phase in facts.loaded.phases.values():
        for layer in ("data", f"phase{phase.number}", "edge"):
            try:
                yield place(facts.loaded.platform, phase, facts.environment, layer)
            except BadInput:
                continue


def _openings(layouts: Iterable[Layout]) -> Iterator[Opening]:
    for layout in layouts:
        for one in layout.fixed:
            yield from (Opening(one.host, port, "tcp", (), one.name) for address, port, _ in one.published if address != "127.0.0.1")
        balancers = tuple(str(layout.environment.hosts[one.host].address) for one in layout.fixed if one.name == "balancer")
        yield from (Opening(one.host, one.port, "tcp", balancers, one.name) for one in layout.instances if one.address != one.own_address)
