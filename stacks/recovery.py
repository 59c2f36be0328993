"""Locks of the state: who holds one, and what to do about one whose holder is dead."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from errors import Locked
from stacks.processes import runs
from stacks.workspace import Stack

Report = Callable[[str], None]
LOCK = re.compile(r"(?P<url>\S+): created by (?P<user>.+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)")


@dataclass(frozen=True)
class Lock:
    """A lock as the engine's refusal tells it. `pid` is the CLI's."""

    url: str
    user: str
    host: str
    pid: int
    since: str

    def stale(self) -> bool:
        """Whether its holder ran on this machine and is gone. Of another machine's holder nothing is known: not stale."""
        return self.host == socket.gethostname() and not runs(self.pid, "pulumi")


def locks(message: str) -> tuple[Lock, ...]:
    """The locks that a refusal of the engine names."""
    return tuple(Lock(one["url"], one["user"], one["host"], int(one["pid"]), one["since"]) for one in LOCK.finditer(message))


def refuse(stack: str, held: tuple[Lock, ...], message: str) -> Locked:
    """The error that names who holds the stack."""
    owners = "\n".join(f"{one.user} on {one.host}, pid {one.pid}, since {one.since}" for one in held)
    return Locked(
        f"{stack} is being changed by somebody else", why=owners or message.strip(),
        hint="wait for it to end, then run the same command", read="runbooks/engine-lock-held.md",
    )  # fmt: skip


def heal(stack: Stack, held: tuple[Lock, ...], report: Report) -> None:
    """Remove the locks of dead holders and bring the state to what is really there."""
    for one in held:
        report(f"{stack.name}: an earlier command died (pid {one.pid}, {one.since}): looking at what it left")
        if not remove([one]):
            stack.cancel()
    stack.refresh(clear_pending_creates=True, run_program=False)


def remove(locks: Iterable[Lock]) -> bool:
    """Remove exactly these locks where they are files: the engine's own `cancel` would also take one that somebody got meanwhile.

    False where one is no file of this machine.
    """
    addresses = [urlsplit(one.url) for one in locks]
    if any(address.scheme != "file" for address in addresses):
        return False
    for address in addresses:
        Path(unquote(address.path)).unlink(missing_ok=True)
    return True
