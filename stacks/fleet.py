"""The fleet of a phase as commands need it: which stack, which hosts, which of them are balancers."""

from __future__ import annotations

from dataclasses import dataclass

from errors import BadInput
from hosts import door
from layout.release import Target
from stacks.deployment import Facts, Wish, facts, facts_of_any, live_phase, observed, targets


@dataclass(frozen=True)
class Fleet:
    """One phase on its hosts. `balancers`: the hosts whose flags say where the traffic goes."""

    facts: Facts
    stack: str
    targets: dict[str, Target]
    balancers: tuple[str, ...]

    @property
    def phase(self) -> int:
        return self.facts.phase.number


def fleet(platform: str, phase: int | None, environment: str) -> Fleet:
    """Raises BadInput when no phase is live and none was named, or when the phase runs in a cluster."""
    found = facts(Wish(platform, phase if phase is not None else live(platform, environment), environment))
    if found.in_cluster:
        raise BadInput(
            f"phase {found.phase.number} runs in a cluster",
            hint=f"kubectl, or cmctl status --phase {found.phase.number} --env {environment}",
        )
    layer = f"phase{found.phase.number}"
    doors = tuple(one.host for one in found.layout(layer).fixed if one.name == "balancer")
    return Fleet(found, found.stack(layer), targets(found, layer), doors)


def live(platform: str, environment: str) -> int:
    """The phase that users are sent to; where the edge is no host of ours, the one phase that has settled on its hosts."""
    any_phase = facts_of_any(platform, environment)
    number = live_phase(any_phase)
    if number is not None:
        return number
    edge = any_phase.layout("edge")
    settled = [] if edge.hosts else [one.number for one in edge.phases if _settled(platform, one.number, environment)]
    if len(settled) != 1:
        why = f"phases {', '.join(map(str, settled))} have settled on their hosts" if settled else ""
        raise BadInput(f"no phase of {platform} is live in {environment}", why=why, hint="cmctl deploy --phase 2, or say --phase")
    return settled[0]


def _settled(platform: str, phase: int, environment: str) -> bool:
    found = facts(Wish(platform, phase, environment))
    layer = f"phase{phase}"
    if found.in_cluster or not set(found.layout(layer).hosts) <= set(found.environment.hosts):
        return False
    return any(one.state for one in observed(found, [layer])[layer].values())


def stand(where: Fleet, flag: str, *, on: bool) -> bool:
    """Raise or remove a standing flag; returns whether anything changed. Raises Locked while a release is under way."""
    return door.stand_now(where.stack, where.targets, where.balancers, flag, on=on)
