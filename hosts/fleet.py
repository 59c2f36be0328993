"""The hosts of a release and how each is reached. Work on all hosts at once, in one order for locks."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
    """Name → host, in sorted order. A machine is connected to when something first runs on it, all machines at once."""
    return {name: _host(name, stack, targets[name]) for name in sorted(targets)}


def _host(name: str, stack: str, target: Target) -> Host:
    paths = Paths(target.root, stack)
    if target.connection == "local":
        return Host(name, LocalConnection(name), paths, local_compose())
    from hosts.ssh import SshConnection  # noqa: PLC0415 - 0.2 s that only hosts elsewhere need

    return Host(name, SshConnection(name, target), paths, ("docker", "compose"))


def local_compose() -> tuple[str, ...]:
    """The compose binary that comes with cmctl's own packages, else the one on PATH."""
    beside = Path(sys.executable).with_name("docker-compose")
    found = str(beside) if beside.exists() else shutil.which("docker-compose")
    return (found,) if found else ("docker", "compose")


async def each(hosts: Mapping[str, Host], work: Callable[[Host], Awaitable[Value]]) -> dict[str, Value]:
    """Run `work` on all hosts at once; failures are raised after all have ended, so that nothing goes on unseen.

    Hosts that cannot be reached are told in one error, other failures before them.
    """
    results = await asyncio.gather(*(work(host) for host in hosts.values()), return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    away = [failure for failure in failures if isinstance(failure, Unreachable)]
    if failures:
        raise together(away) if len(away) == len(failures) else next(one for one in failures if not isinstance(one, Unreachable))
    return {name: result for name, result in zip(hosts, results, strict=True) if not isinstance(result, BaseException)}


async def to_the_end(work: Awaitable[Value]) -> Value:
    """What `work` returns. An impatient second Ctrl-C does not stop what clears up; it is forgotten."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            continue
    return task.result()


def together(errors: Sequence[Unreachable]) -> Unreachable:
    """One error that tells all: a fleet's problems are mended in one go, not one after another. What two say alike is told once."""
    errors = list({str(error): error for error in errors}.values())
    if len(errors) == 1:
        return errors[0]
    told = "\n".join(_indented(error) for error in errors)
    pages = ", ".join(dict.fromkeys(error.read for error in errors if error.read))
    return Unreachable(
        f"{len(errors)} hosts cannot be used:\n{told}", hint="mend what is named above, then run the same command", read=pages
    )


def _indented(error: Unreachable) -> str:
    first, *more = str(type(error)(error.what, why=error.why, hint=error.hint, read="")).splitlines()
    return "\n".join([f"- {first}", *(f"  {line}" for line in more)])
