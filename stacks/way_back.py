"""The way back, hosts first: the traffic moves before the engine is even loaded."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from hosts import door
from hosts.events import Outcome, Report
from layout.release import ReleaseSpec
from stacks.deployment import Facts, Wish, facts, targets
from stacks.fleet import live


@dataclass(frozen=True)
class Flipped:
    """What the hosts did. `facts` carry the version that serves now; `started` is a monotonic time."""

    facts: Facts
    layer: str
    outcome: Outcome
    spec: ReleaseSpec
    started: float


def flip(platform: str, phase: int | None, environment: str, to: str | None, report: Report) -> Flipped:
    """Send the traffic to the release before, or to `to`.

    Raises BadInput when nothing is live or there is no such release, Locked, RolledBack when it did not come up.
    """
    started = time.monotonic()
    found = facts(Wish(platform, phase if phase is not None else live(platform, environment), environment))
    layer = f"phase{found.phase.number}"
    outcome, spec = door.rollback_now(found.stack(layer), targets(found, layer), to, report)
    return Flipped(dataclasses.replace(found, version=spec.version), layer, outcome, spec, started)


def proven(platform: str, phase: int | None, environment: str, *, wanted: bool) -> int | None:
    """The phase whose traffic a proof plays; looked up only for a proof, because it costs a look at the hosts."""
    return (phase if phase is not None else live(platform, environment)) if wanted else None
