"""How each host of an environment has to be: one value for all stacks that use the host, so that none undoes what another did."""

from __future__ import annotations

from collections.abc import Iterator

from errors import BadInput
from layout.machine import Machine, machine
from layout.model import Layout
from layout.openings import openings
from layout.place import place
from stacks.deployment import Facts


def machines(facts: Facts) -> dict[str, Machine]:
    """Host → machine, for the hosts that are reached over SSH. This machine is its owner's: nothing is prepared on it."""
    environment = facts.environment
    opened = openings(_layouts(facts))
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
                yield place(facts.loaded.platform, phase, facts.environment, layer, facts.loaded.phases.values())
            except BadInput:
                continue
