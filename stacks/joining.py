"""A new machine joins an environment: from "an address and a key" to ready, and the lines that its file needs."""

from __future__ import annotations

import asyncio
import getpass
import time
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import yaml

from environments import load as environments
from environments.model import Environment, Host
from errors import BadInput
from hosts.bootstrap import checks, door, first
from hosts.bootstrap.checks import Need
from hosts.bootstrap.first import Shown
from hosts.bootstrap.model import System
from hosts.events import Report
from layout import checks as layouts
from layout.release import Target
from phases import load as platforms
from phases.load import Loaded
from stacks import machines

LEAST_MB, LEAST_FREE_MB = 900, 3072
ROOT = "/var/lib/cmctl"


@dataclass(frozen=True)
class Newcomer:
    """A machine that is to join. `login` is who is let in now (often root), `user` who deploys from then on."""

    name: str
    address: str
    port: int
    login: str
    user: str
    identity: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Joined:
    """`lines`: what the environment's file needs under `hosts:`; empty when it stands there already."""

    system: System
    differences: int
    seconds: float
    lines: str


def newcomer(environment: str, name: str, **given: str | int | tuple[str, ...] | None) -> Newcomer:
    """What was given, completed by the environment's file where that names the host. Raises BadInput for what is missing or contrary."""
    known = environments.load(environment).hosts.get(name)
    address = given["address"] or (known and str(known.address))
    roles = given["roles"] or (known and known.roles)
    if not address or not roles:
        missing = "--address" if not address else "--role"
        raise BadInput(
            f"{missing} is missing",
            why=f"environment {environment} has no host {name!r} to take it from",
            hint=f"cmctl host add {name} {missing} …",
        )
    if known and (str(known.address) != address or known.connection != "ssh"):
        raise BadInput(
            f"{name} is {known.address} by {known.connection} in environment {environment}, not {address}",
            hint="give the new host another name",
        )
    identity = str(given["identity"] or (known and known.identity) or "")
    return Newcomer(
        name=name, address=str(address), port=int(str(given["port"] or (known and known.port) or 22)), login=str(given["login"] or getpass.getuser()),
        user=str(given["user"] or (known and known.user) or "deploy"), roles=tuple(str(role) for role in (roles if isinstance(roles, tuple) else ())),
        identity=str(Path(identity).expanduser().absolute()) if identity else "",
    )  # fmt: skip


def meet(wish: Newcomer, environment: str, expected: str) -> Shown:
    """The key that the machine shows; it has to be `expected` or the pinned one, where there is such."""
    known = environments.load(environment).hosts.get(wish.name)
    seen = asyncio.run(first.shown(wish.address, wish.port))
    if expected:
        first.compare(wish.name, seen, expected)
    elif known and known.host_key:
        first.compare(wish.name, seen, first.fingerprint_of(known.host_key))
    return seen


def join(platform: str, environment: str, wish: Newcomer, seen: Shown, report: Report) -> Joined:
    """Check, make the deploy user, and bootstrap as that user. Raises BadInput before anything is changed."""
    started = time.monotonic()
    loaded, current = platforms.load(platform), environments.load(environment)
    grown = _grown(current, wish, seen)
    layouts.strangers(grown, environments.others(environment))
    wanted = machines.of(loaded, grown)[wish.name]
    arriving, staying = _target(wish, seen.line, wish.login), _target(wish, seen.line, wish.user)
    arriving = asyncio.run(first.way_in(wish.name, arriving, staying))
    system = asyncio.run(checks.check({wish.name: arriving}, {wish.name: _need(loaded, environment, wish)}))[wish.name]
    if arriving != staying:
        asyncio.run(first.welcome(door.connection(wish.name, arriving), wish.login, wish.user))
    asyncio.run(first.gets_in(wish.name, staying))
    done = asyncio.run(door.make(wish.name, staying, wanted, report))
    lines = "" if wish.name in current.hosts else _lines(wish, seen)
    return Joined(system, len(done.differences), time.monotonic() - started, lines)


def _grown(current: Environment, wish: Newcomer, seen: Shown) -> Environment:
    """The environment with the new host. Raises BadInput when its address is another host's."""
    for name, host in current.hosts.items():
        if name != wish.name and wish.address in {str(host.address), str(host.private)}:
            raise BadInput(
                f"{wish.address} is {name}'s address in environment {current.name}", hint=f"cmctl host add {name}, or correct --address"
            )
    host = Host.model_validate({
        "connection": "ssh", "address": IPv4Address(wish.address), "roles": wish.roles, "user": wish.user, "port": wish.port,
        "identity": wish.identity or None, "host_key": seen.line,
    })  # fmt: skip
    return current.model_copy(update={"hosts": {**current.hosts, wish.name: current.hosts.get(wish.name, host)}})


def _need(loaded: Loaded, environment: str, wish: Newcomer) -> Need:
    """What any host needs; what its containers need is checked when a phase is deployed to it."""
    return Need(LEAST_MB, 0, LEAST_FREE_MB, f"{loaded.platform.name}/{environment}/{wish.name}")


def _target(wish: Newcomer, key: str, user: str) -> Target:
    return Target(
        connection="ssh", address=wish.address, root=ROOT, user=user, port=wish.port, identity=wish.identity, host_key=key,
    )  # fmt: skip


def _lines(wish: Newcomer, seen: Shown) -> str:
    host: dict[str, object] = {"connection": "ssh", "address": wish.address, "roles": list(wish.roles)}
    host |= {"user": wish.user} if wish.user != "deploy" else {}
    host |= {"port": wish.port} if wish.port != 22 else {}
    host |= {"identity": wish.identity} if wish.identity else {}
    text = yaml.safe_dump({wish.name: {**host, "host_key": seen.line}}, sort_keys=False, default_flow_style=None, width=200)
    return "".join(f"  {line}\n" for line in text.splitlines())
