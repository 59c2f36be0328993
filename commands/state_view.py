"""`doctor`'s second half: locks and pending operations in the engine's state, whose they are, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from commands import ui

if TYPE_CHECKING:
    from stacks.leftovers import Leftover, Seen


def seen() -> Seen:
    """What is left in the state of every environment."""
    from environments.home import home
    from stacks import leftovers

    return leftovers.look(home())


def healed(report: Callable[[str], None]) -> Seen:
    """What is left after everything was healed whose owner is proven dead; what was done is reported."""
    from environments.home import cache, home
    from stacks import leftovers
    from tools.toolchain import pulumi

    dead = [one for one in leftovers.look(home()).leftovers if not one.held]
    for one in dead:
        leftovers.heal(one, home(), cache(), pulumi(report), report)
    return seen()


def refuse(left: Seen) -> None:
    """Raises Locked for the first stack whose lock was respected."""
    from stacks import leftovers

    for one in left.leftovers:
        if one.held:
            raise leftovers.refused(one)


def document(left: Seen) -> dict[str, Any]:
    """The state's part of `cmctl/doctor/1`."""
    return {"left": [_left(one) for one in left.leftovers], "not_looked_at": left.unseen}


def _left(one: Leftover) -> dict[str, Any]:
    locks = [{"owner": lock.user, "host": lock.host, "pid": lock.pid, "since": lock.since, "dead": lock.stale()} for lock in one.locks]
    return {"environment": one.environment, "stack": one.stack, "locks": locks, "pending": list(one.pending)}


def show(left: Seen) -> None:
    """A table of what is left, or nothing where there is nothing to say."""
    rows = [
        (one.stack, *_lock(one), ", ".join(one.pending), "wait for its end" if one.held else "cmctl doctor --fix") for one in left.leftovers
    ]
    rows += [(f"environment {name}", f"not looked at: its state is at {url}", "", "", "") for name, url in left.unseen.items()]
    if rows:
        ui.table(("stack", "locked by", "owner", "pending", "fix"), rows, title="Left in the state")


def _lock(one: Leftover) -> tuple[str, str]:
    owners = (f"{lock.user} on {lock.host}, pid {lock.pid}, since {lock.since}" for lock in one.locks)
    return "\n".join(owners), ("" if not one.locks else "not proven dead" if one.held else "dead")
