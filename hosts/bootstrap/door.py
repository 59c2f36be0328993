"""Bootstrapping by target: look at a machine, and make it so. Connections are made here and end with the caller's loop."""

from __future__ import annotations

import asyncio

from errors import Unreachable
from hosts.bootstrap import run
from hosts.bootstrap.run import Plan
from hosts.connection import Connection
from hosts.events import Report, silent
from hosts.fleet import connect
from layout.machine import Machine
from layout.release import Target

KNOCK_S = 15


def connection(name: str, target: Target) -> Connection:
    return connect("bootstrap", {name: target})[name].connection


async def look(name: str, target: Target, wanted: Machine) -> Machine:
    """What there is of `wanted`."""
    return await run.found(connection(name, target), wanted)


async def plan(name: str, target: Target, wanted: Machine) -> Plan:
    return await run.plan(connection(name, target), wanted)


async def make(name: str, target: Target, wanted: Machine, report: Report = silent) -> Plan:
    """Make the machine `wanted`; returns what there was to do."""

    async def again() -> None:
        # A loop of its own has a connection of its own: one that stands already would not notice a closed port.
        await asyncio.to_thread(asyncio.run, _knock(name, target))

    return await run.apply(connection(name, target), wanted, again, report)


async def _knock(name: str, target: Target) -> None:
    done = await connection(name, target).run(["true"], timeout_s=KNOCK_S)
    if done.code:
        raise Unreachable(f"{name} lets us in but runs nothing", why=done.stderr.strip())
