"""Leave one app host out, and put a new machine in its place, while the others serve."""

from __future__ import annotations

from collections.abc import Callable

from errors import BadInput
from hosts import door
from layout import live
from stacks.fleet import Fleet

Report = Callable[[str], None]


def drain(where: Fleet, host: str, *, back: bool) -> bool:
    """No new request reaches the host, of either slot; returns whether that is new. `back` lets it serve again.

    The host itself is not asked, because it may be dead. Raises BadInput for a host that others cannot stand in for.
    """
    drainable = where.facts.layout(f"phase{where.phase}").drainable()
    if host not in drainable:
        known = ", ".join(drainable) or "no host of this phase: each is the only one of its kind"
        raise BadInput(f"{host} cannot be drained", why=f"others can stand in for {known}", hint="cmctl status")
    asked = where.targets if back else {name: target for name, target in where.targets.items() if name != host}
    return door.stand_now(where.stack, asked, where.balancers, live.without(host), on=not back)


def serving_version(where: Fleet) -> str:
    """The version that serves on the fleet. Raises BadInput when nothing does."""
    seen = door.observe_now(where.stack, {name: where.targets[name] for name in where.balancers})
    states = [one.state for one in seen.values() if one.state]
    if not states:
        raise BadInput(f"{where.stack} has no release", hint=f"cmctl deploy --phase {where.phase}")
    return states[0].version
