"""How each host of an environment has to be: one value for all stacks that use the host, so that none undoes what another did."""

from __future__ import annotations

from collections.abc import Iterator

from environments.model import Environment
from errors import BadInput
from layout.machine import Machine, machine
from layout.model import Layout
from layout.openings import openings
from layout.place import place
from phases.load import Loaded
from stacks.deployment import Facts


def machines(facts: Facts) -> dict[str, Machine]:
    """Host → machine, for the hosts that are reached over SSH. This machine is its owner's: nothing is prepared on it."""
    return of(facts.loaded, facts.environment)


def of(loaded: Loaded, environment: Environment) -> dict[str, Machine]:
    """The machines of an environment, whatever phase is asked for."""
    opened = openings(_layouts(loaded, environment))
    return {
        name: machine(loaded.platform.name, environment, name, opened)
        for name, host in environment.hosts.items()
        if host.connection == "ssh"
    }


def _layouts(loaded: Loaded, environment: Environment) -> Iterator[Layout]:
    """Every layer of every phase that fits: what stays open must not depend on which phase is being deployed."""
    for phase in loaded.phases.values():
        for layer in ("data", f"phase{phase.number}", "edge"):
            try:
                yield place(loaded.platform, phase, environment, layer, loaded.phases.values())
            except BadInput:
                continue
