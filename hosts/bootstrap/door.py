"""Bootstrapping by target: look at a machine, and make it so. Connections are made here and end with the caller's loop."""

from __future__ import annotations

import functools

from errors import Unreachable
from hosts.bootstrap import run
from hosts.bootstrap.run import Plan
from hosts.connection import Connection
from hosts.events import Report, silent
from hosts.fleet import connect
from hosts.ssh import fresh
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
    return await run.apply(connection(name, target), wanted, functools.partial(_knock, name, target), report)


async def _knock(name: str, target: Target) -> None:
    """A connection that stands already would not notice a closed port."""
    if target.connection == "local":
        return
    async with fresh(name, target) as host:
        done = await host.run(["true"], timeout_s=KNOCK_S)
    if done.code:
        raise Unreachable(f"{name} lets us in but runs nothing", why=done.stderr.strip())
