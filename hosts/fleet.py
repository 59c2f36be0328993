"""The hosts of a release and how each is reached. Work on all hosts at once, in one order for locks."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from errors import Unreachable
from hosts.connection import Connection
from hosts.local import LocalConnection
from hosts.paths import Paths
from layout.release import Target

Value = TypeVar("Value")


@dataclass(frozen=True)
class Host:
    """One host: its connection, the stack's folders on it, and the argument list that compose starts with there."""

    name: str
    connection: Connection
    paths: Paths
    compose: tuple[str, ...]


def connect(stack: str, targets: Mapping[str, Target]) -> dict[str, Host]:
    """Name → host, in sorted order. Raises Unreachable for a kind of connection that is not there."""
    return {name: _host(name, stack, targets[name]) for name in sorted(targets)}


def _host(name: str, stack: str, target: Target) -> Host:
    if target.connection != "local":
        raise Unreachable(f"host {name}: connections by {target.connection} are not there yet", hint="use --env local")
    return Host(name, LocalConnection(name), Paths(target.root, stack), local_compose())


def local_compose() -> tuple[str, ...]:
    """The compose binary that comes with cmctl's own packages, else the one on PATH."""
    beside = Path(sys.executable).with_name("docker-compose")
    found = str(beside) if beside.exists() else shutil.which("docker-compose")
    return (found,) if found else ("docker", "compose")


async def each(hosts: Mapping[str, Host], work: Callable[[Host], Awaitable[Value]]) -> dict[str, Value]:
    """Run `work` on all hosts at once; the first failure is raised after all have ended, so that nothing goes on unseen."""
    results = await asyncio.gather(*(work(host) for host in hosts.values()), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return {name: result for name, result in zip(hosts, results, strict=True) if not isinstance(result, BaseException)}
