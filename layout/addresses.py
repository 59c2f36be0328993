"""Fixed container addresses in an environment's network, so that no configuration changes when a container is made anew.

A /24 holds one block of 64 addresses per phase (phase 0 to 2); the first ten of phase 0's block belong to the data and edge
layers. In a block the fixed containers come first, then 24 addresses for each slot.
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
PORT_START = {"blue": 20000, "green": 21000}


def shared(environment: Environment, name: str) -> str:
    """Address of a container of the data or edge layer."""
    return str(environment.network[SHARED[name]])


def fixed(environment: Environment, phase: int, name: str) -> str:
    return str(environment.network[phase * BLOCK + FIXED_START + FIXED.index(name)])


def slotted(environment: Environment, phase: int, slot: Slot, position: int) -> str:
    """Address of the instance at `position` (from 0, over all services of a phase). Raises BadInput when the block is full."""
    if position >= SLOT_SIZE:
        raise BadInput(
            f"phase {phase} places more than {SLOT_SIZE} instances",
            why="each slot has that many addresses",
            hint="lower replicas in the phase's file",
        )
    return str(environment.network[phase * BLOCK + SLOT_START[slot] + position])


def published(phase: int, slot: Slot, position: int) -> int:
    """The port that an instance has on its host when the load balancer is on another one."""
    return PORT_START[slot] + phase * 100 + position
