"""Machines from a cloud: a stack of their own, which no deploy and no destroy touches, protected from the first moment.

Only what cmctl made stands in it. Hosts that an environment merely names are never part of any stack's deletions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from environments import home as homes
from environments import load as environments
from environments.backend import backend_url
from environments.cloud import CloudMachine
from environments.model import Environment
from environments.passphrase import passphrase
from errors import BadInput
from stacks import engine
from stacks.engine import Request
from stacks.events import OnEvent
from stacks.plan import Plan
from stacks.workspace import settings
from tools import toolchain

Report = Callable[[str], None]
PACKAGE = "hcloud"
# What a machine was made from is history: another image or key in the file must not make it anew.
ONCE = ["image", "location", "sshKeys", "userData"]


@dataclass(frozen=True)
class Made:
    """Machine → its address, and the roles that it shall play."""

    addresses: dict[str, str]
    roles: dict[str, tuple[str, ...]]


def program(platform: str, environment: Environment) -> Callable[[], None]:
    """The program that declares an environment's cloud machines."""

    def run() -> None:
        import pulumi_hcloud as hcloud

        for name, machine in environment.machines.items():
            server = _server(hcloud, platform, environment.name, name, machine)
            pulumi.export(name, server.ipv4_address)

    return run


def _server(hcloud: Any, platform: str, environment: str, name: str, machine: CloudMachine) -> Any:
    return hcloud.Server(
        name,
        name=f"{platform}-{environment}-{name}", server_type=machine.type, location=machine.location, image=machine.image,
        ssh_keys=list(machine.ssh_keys), backups=machine.backups, keep_disk=False, shutdown_before_deletion=True,
        delete_protection=machine.protect, rebuild_protection=machine.protect,
        labels={"cmctl": "1", "platform": platform, "environment": environment, "host": name},
        opts=pulumi.ResourceOptions(protect=machine.protect, ignore_changes=ONCE),
    )  # fmt: skip


def look(platform: str, environment: str, report: Report) -> Plan:
    """What would be made or changed. Raises BadInput where the environment asks for no machine."""
    return engine.preview(_request(platform, _asking(environment), report))


def create(platform: str, environment: str, report: Report, on_event: OnEvent) -> Made:
    """Make them, and tell their addresses."""
    current = _asking(environment)
    request = _request(platform, current, report)
    engine.up(request, on_event)
    told = {name: str(output.value) for name, output in engine.outputs(request).items()}
    return Made({name: told[name] for name in current.machines}, {name: one.roles for name, one in current.machines.items()})


def _asking(environment: str) -> Environment:
    current = environments.load(environment)
    if not current.machines:
        raise BadInput(
            f"environment {environment} asks for no machine",
            why="existing machines stand under hosts and are adopted as they are",
            hint="machines: {app3: {provider: hetzner, type: cx32, location: fsn1, roles: [app], ssh_keys: [ops]}}",
        )
    return current


def _request(platform: str, environment: Environment, report: Report) -> Request:
    home = homes.home()
    run = settings(
        environment, home, homes.cache(), toolchain.pulumi(report), passphrase(environment, home), backend_url(environment, home)
    )
    return Request(f"{platform}-{environment.name}-machines", program(platform, environment), replace(run, packages=(PACKAGE,)))
