"""Fixed container addresses and host ports, so that no configuration changes when a container is made anew.

Every host has the environment's network for its own containers. A block of 64 addresses in it belongs to each phase; the
first ten of phase 0's block belong to the data and edge layers, the last of the ten in every block to the relief of its
load balancer. In a block the fixed containers come next, then 24 addresses for each slot. A container that other hosts call has a port on its host too, another one for each phase and slot.
"""

from __future__ import annotations

from environments.model import Environment
from errors import BadInput
from layout.model import Slot

BLOCK = 64
SHARED = {"edge": 2, "mongo": 3}
FIXED = ("balancer", "redis-cache", "redis-sessions", "prometheus", "node-exporter", "redis-exporter")
FIXED_START = 10
SLOT_START = {"blue": 16, "green": 40}
SLOT_SIZE = 24
SLOT_PORTS = {"blue": 20000, "green": 21000}
FIXED_PORTS = 22000
RELIEF, RELIEF_PORTS = 9, 23000


def shared(environment: Environment, name: str) -> str:
    """Address of a container of the data or edge layer."""
    return _nth(environment, SHARED[name])


def fixed(environment: Environment, phase: int, name: str) -> str:
    return _nth(environment, phase * BLOCK + FIXED_START + FIXED.index(name))


def relief(environment: Environment, phase: int) -> str:
    """Address of the container that stands in for a phase's load balancer while that is made anew."""
    return _nth(environment, phase * BLOCK + RELIEF)


def slotted(environment: Environment, phase: int, slot: Slot, position: int) -> str:
    """Address of the instance at `position` (from 0, over all services of a phase). Raises BadInput when the block is full."""
    if position >= SLOT_SIZE:
        raise BadInput(
            f"phase {phase} places more than {SLOT_SIZE} instances",
            why="each slot has that many addresses",
            hint="lower replicas in the phase's file",
        )
    return _nth(environment, phase * BLOCK + SLOT_START[slot] + position)


def fixed_port(phase: int, name: str) -> int:
    """The port that a fixed container has on its host for callers on other hosts."""
    return FIXED_PORTS + phase * 100 + FIXED.index(name)


def relief_port(phase: int, position: int) -> int:
    """The port on the host's loopback by which the engine lets requests through to a relief."""
    return RELIEF_PORTS + phase * 100 + position


def slot_port(phase: int, slot: Slot, position: int) -> int:
    """The port that an instance has on its host for callers on other hosts."""
    return SLOT_PORTS[slot] + phase * 100 + position


def _nth(environment: Environment, number: int) -> str:
    network = environment.network
    if number >= network.num_addresses - 1:
        raise BadInput(
            f"network {network} of environment {environment.name} is too small: address {number} is wanted, it has {network.num_addresses}",
            why=f"each phase has a block of {BLOCK} addresses",
            hint=f"a wider network in environments/{environment.name}.yaml, e.g. {network.network_address}/22",
        )
    return str(network[number])
