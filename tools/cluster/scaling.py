"""What the Horizontal Pod Autoscaler must do, as Kubernetes documents it, and whether a recorded timeline did. Pure.

Source: Kubernetes documentation, "Horizontal Pod Autoscaling": desired = ceil(current × metric ÷ target); no change while the
ratio is within 0.1 of 1; with stabilisation, the lowest (up) or highest (down) recommendation of the window holds; policies
bound the change per period.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

TOLERANCE = 0.1


@dataclass(frozen=True)
class Policy:
    """At most `pods` or `percent` of the replicas per `period_s`; the one that is None does not count."""

    period_s: int
    pods: int | None = None
    percent: int | None = None

    def most(self, replicas: int) -> int:
        """The highest change from `replicas` in one period."""
        if self.pods is not None:
            return self.pods
        return math.ceil(replicas * (self.percent or 0) / 100)


@dataclass(frozen=True)
class Rules:
    """One HPA: target in percent of the request, bounds, stabilisation windows and policies, the largest change winning."""

    target: int
    low: int
    high: int
    up: tuple[Policy, ...]
    down: tuple[Policy, ...]
    up_window_s: int = 0
    down_window_s: int = 300


@dataclass(frozen=True)
class Sample:
    """One look: seconds since the beginning, the load offered in millicores, replicas wanted, ready, and the utilisation seen (%)."""

    at: float
    load_m: int
    replicas: int
    ready: int
    utilisation: int | None = None


def desired(rules: Rules, replicas: int, utilisation: float) -> int:
    """What the algorithm asks for before policies and windows: within tolerance nothing, else the ceiling, inside the bounds."""
    ratio = utilisation / rules.target
    wanted = replicas if 1 - TOLERANCE <= ratio <= 1 + TOLERANCE else math.ceil(replicas * ratio)
    return max(rules.low, min(rules.high, wanted))


def resting(rules: Rules, load_m: int, request_m: int) -> range:
    """The replica counts at which a constant load may come to rest: all that the tolerance calls right.

    With too few replicas the ratio is above 1.1; with too many it is below 0.9 and the ceiling asks for fewer.
    """
    whole = [n for n in range(rules.low, rules.high + 1) if desired(rules, n, _utilisation(load_m, n, request_m)) == n]
    return range(min(whole), max(whole) + 1)


def _utilisation(load_m: int, replicas: int, request_m: int) -> float:
    """Percent of the request as the controller counts it: whole millicores, rounded down."""
    return 100 * load_m / replicas // request_m


def steps(samples: Sequence[Sample]) -> list[tuple[float, int, int]]:
    """Every change of the wanted replicas: when, from, to."""
    return [(after.at, before.replicas, after.replicas) for before, after in pairwise(samples) if before.replicas != after.replicas]


def breaches(rules: Rules, samples: Sequence[Sample], slack_s: float) -> list[str]:
    """What in a timeline contradicts the documented algorithm; empty when nothing does.

    `slack_s`: a look may be that late, so windows and periods count that much shorter.
    """
    found = [
        f"{one.at:.0f} s: {one.replicas} replicas are outside {rules.low} … {rules.high}"
        for one in samples
        if not rules.low <= one.replicas <= rules.high
    ]
    for at, before, after in steps(samples):
        policies, word = (rules.up, "up") if after > before else (rules.down, "down")
        most = max(policy.most(before) for policy in policies)
        if abs(after - before) > most:
            found.append(f"{at:.0f} s: {before} → {after} is more than {most} {word} at once")
    return found + _hasty(rules, samples, slack_s)


def _hasty(rules: Rules, samples: Sequence[Sample], slack_s: float) -> list[str]:
    """Steps down inside the window after the load fell: the window's highest recommendation still held."""
    found = []
    for at, before, after in steps(samples):
        if after > before:
            continue
        fell = [later.at for earlier, later in pairwise(samples) if later.load_m < earlier.load_m and later.at <= at]
        if not fell:
            found.append(f"{at:.0f} s: {before} → {after} though the load did not fall")
        elif at - fell[-1] < rules.down_window_s - slack_s:
            found.append(
                f"{at:.0f} s: {before} → {after} only {at - fell[-1]:.0f} s after the load fell, the window is {rules.down_window_s} s"
            )
    return found


def turns(samples: Sequence[Sample]) -> int:
    """How often scaling changed its direction: one rise and one fall are one turn; more than the load's own is flapping."""
    directions = [after > before for _, before, after in steps(samples)]
    return sum(one != other for one, other in pairwise(directions))


def table(samples: Sequence[Sample]) -> str:
    """The timeline as rows, one per change of anything but the time."""
    rows = [f"{'s':>6} {'load m':>7} {'wanted':>7} {'ready':>6} {'used %':>7}"]
    last: tuple[object, ...] = ()
    for one in samples:
        now = (one.load_m, one.replicas, one.ready, one.utilisation)
        if now != last:
            used = "" if one.utilisation is None else one.utilisation
            rows.append(f"{one.at:6.0f} {one.load_m:7} {one.replicas:7} {one.ready:6} {used:>7}")
        last = now
    return "\n".join(rows)
