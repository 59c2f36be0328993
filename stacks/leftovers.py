"""What dead commands left in the engine's state: locks and pending operations. Found in its files, healed by the engine itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import load as environments
from environments.backend import backend_url
from environments.passphrase import passphrase
from errors import BadInput, Locked
from stacks import engine, recovery
from stacks.engine import Request
from stacks.events import Event, Said
from stacks.recovery import Lock
from stacks.workspace import settings

Report = Callable[[str], None]
FILE = "file://"


@dataclass(frozen=True)
class Leftover:
    """One stack's locks and its pending operations, `creating NAME`. What a command that runs now holds is here too."""

    environment: str
    stack: str
    locks: tuple[Lock, ...]
    pending: tuple[str, ...]

    @property
    def held(self) -> tuple[Lock, ...]:
        """Locks whose owner is not proven dead: he lives, or ran on another machine."""
        return tuple(one for one in self.locks if not one.stale())


@dataclass(frozen=True)
class Seen:
    """`unseen`: environment → where its state is, for those whose files are not on this machine."""

    leftovers: tuple[Leftover, ...]
    unseen: dict[str, str]


def look(home: Path) -> Seen:
    """What is left in the state of every environment. Starts no program. A malformed environment's file is left out."""
    found: list[Leftover] = []
    unseen = {}
    for environment in environments.others(""):
        url = backend_url(environment, home)
        if url.startswith(FILE):
            found += _left(environment.name, Path(url.removeprefix(FILE)) / ".pulumi")
        else:
            unseen[environment.name] = url
    return Seen(tuple(found), unseen)


def heal(left: Leftover, home: Path, cache: Path, cli: Path, report: Report) -> None:
    """Remove the locks of dead owners and settle what is pending by looking at what is really there.

    Raises Locked (5), with nothing touched, where an owner is not proven dead; what a refresh raises, with the rest left pending.
    """
    if left.held:
        raise refused(left)
    environment = environments.load(left.environment)
    url = backend_url(environment, home)
    for one in left.locks:
        report(f"{left.stack}: the lock of pid {one.pid} since {one.since} is a dead command's: it ran on this machine and is gone")
    if _checkpoint(Path(url.removeprefix(FILE)) / ".pulumi", left.stack) is None:
        recovery.remove(left.locks)  # no stack, nothing to look at
        return
    run = settings(environment, home, cache, cli, passphrase(environment, home), url)
    engine.refresh(Request(left.stack, lambda: None, run), lambda event: _tell(event, report))
    for pending in left.pending:
        report(f"{left.stack}: no longer pending: {pending}")


def refused(left: Leftover) -> Locked:
    """The error that names whose lock is respected."""
    return recovery.refuse(left.stack, left.held, "")


def _tell(event: Event, report: Report) -> None:
    if isinstance(event, Said) and event.severity == "info":
        report(event.text)


def _left(environment: str, root: Path) -> Iterator[Leftover]:
    """The stacks of one state folder that have a lock or something pending."""
    locks: dict[str, list[Lock]] = {}
    for path in sorted(root.glob("locks/*/*/*/*.json")):
        lock = _lock(path)
        locks.setdefault(path.parent.name, []).extend([lock] if lock else [])
    stacks = {path.stem for path in root.glob("stacks/*/*.json")} | set(locks)
    for stack in sorted(stacks):
        left = Leftover(environment, stack, tuple(locks.get(stack, ())), _pending(_checkpoint(root, stack)))
        if left.locks or left.pending:
            yield left


def _lock(path: Path) -> Lock | None:
    """The lock in a file; None for one that went away meanwhile, or is only half written."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Lock(path.as_uri(), str(said["username"]), str(said["hostname"]), int(said["pid"]), str(said["timestamp"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checkpoint(root: Path, stack: str) -> dict[str, Any] | None:
    """The newest state of a stack, or None where it has none (yet)."""
    for path in root.glob(f"stacks/*/{stack}.json"):
        try:
            return dict(json.loads(path.read_text(encoding="utf-8"))["checkpoint"].get("latest") or {})
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"the state of {stack} is not readable: {path}", hint=f"its copies are in {root / 'backups'}") from error
    return None


def _pending(checkpoint: dict[str, Any] | None) -> tuple[str, ...]:
    operations = (checkpoint or {}).get("pending_operations") or ()
    return tuple(f"{one['type']} {str(one['resource']['urn']).rpartition('::')[2]}" for one in operations)
