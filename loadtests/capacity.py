"""From the load a service holds to the users it holds, and when the next phase is due. Pure arithmetic.

The interactive response-time law: users who think Z seconds after each answer and wait R seconds for it make
X = users / (R + Z) requests per second, whatever happens inside the service.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

# Below this share of the peak, a fitted curve says nothing about the peak (simulated: off by 33 % from half of it, 110 % from a quarter).
FAR_ENOUGH = 0.75
DROP = 0.05
FEWEST_LOADS = 4
SPREAD = {"near": 0.07, "at": 0.035}


@dataclass(frozen=True)
class Users:
    """Concurrent users: the best guess and the interval."""

    low: int
    middle: int
    high: int


def users(rates: tuple[float, float, float], response_s: float, think_s: float) -> Users:
    """`rates` are low, middle and high requests per second; R and Z in seconds."""
    low, middle, high = (max(1, math.floor(rate * (response_s + think_s))) for rate in rates)
    return Users(low, middle, high)


def registered(concurrent: Users, ratio: float) -> Users:
    """Registered users, of whom one in `ratio` is there at the peak."""
    return Users(*(math.floor(count * ratio) for count in (concurrent.low, concurrent.middle, concurrent.high)))


@dataclass(frozen=True)
class Ratio:
    """Registered users for each one who is there at a phase's peak, and who says so."""

    registered: float
    source: str


UNKNOWN_RATIO = Ratio(1.0, "nobody said how many are there at the peak")


@dataclass(frozen=True)
class Advice:
    """`stay`: the load fits and goes on fitting for a year. `move`: in so many weeks, 0 for now."""

    action: Literal["stay", "move"]
    weeks: int | None
    headroom: float


# Less than one user in a billion each week: the move lies beyond any calendar, and beyond what a float can divide by.
NO_GROWTH = 1e-9


def advise(holds: int, have: int, weekly_growth: float, reserve: float = 0.2) -> Advice:
    """Whether `have` users, growing by a share each week, still fit, with a reserve kept free.

    `headroom` is the share of what is held that is not used. Raises ValueError for no users or a shrinking share below -1.
    """
    if have <= 0 or holds <= 0 or weekly_growth <= -1:
        raise ValueError("users must be more than none")
    headroom = 1 - have / holds
    usable = holds * (1 - reserve)
    if have >= usable:
        return Advice("move", 0, headroom)
    if weekly_growth <= NO_GROWTH:
        return Advice("stay", None, headroom)
    weeks = math.floor(math.log(usable / have) / math.log1p(weekly_growth))
    return Advice("stay" if weeks > 52 else "move", weeks, headroom)


@dataclass(frozen=True)
class Scaling:
    """The universal scalability law: X(N) = λN / (1 + σ(N-1) + κN(N-1)).

    `peak_users` and `peak_rate` are where more users stop helping; None when the data do not reach far enough to say. `spread`
    is the relative error that such a prediction has at the 90th percentile. `curve_users` is where the curve has its peak,
    believed or not; None for a curve without one.
    """

    unit_rate: float
    contention: float
    coherency: float
    peak_users: float | None
    peak_rate: float | None
    spread: float | None
    curve_users: float | None = None


def scaling(points: Sequence[tuple[float, float]]) -> Scaling | None:
    """The law fitted to (users, requests per second) by least squares; None for fewer than four different counts of users.

    Written as N/X it is linear in its three constants: N/X = 1/λ + σ/λ·(N-1) + κ/λ·N(N-1).
    """
    if len({count for count, _ in points}) < FEWEST_LOADS:
        return None
    counts, rates = np.array(points, dtype=float).T
    terms = np.stack([np.ones_like(counts), counts - 1, counts * (counts - 1)], axis=1)
    (base, sigma, kappa), *_ = np.linalg.lstsq(terms, counts / rates, rcond=None)
    if base <= 0:
        return None
    unit, sigma, kappa = 1 / base, max(0.0, sigma / base), max(0.0, kappa / base)
    bare = Scaling(float(unit), float(sigma), float(kappa), None, None, None)
    if kappa <= 1e-9 or sigma >= 1:
        return bare
    peak = math.sqrt((1 - sigma) / kappa)
    reached = float(counts.max()) / peak
    # Data beyond a peak show it; a curve that claims one they do not show has followed the noise.
    fell = float(rates[int(counts.argmax())]) < (1 - DROP) * float(rates.max())
    if reached < FAR_ENOUGH or (reached >= 1 and not fell):
        return replace(bare, curve_users=peak)
    spread = SPREAD["at" if reached >= 1 else "near"]
    rate = unit * peak / (1 + sigma * (peak - 1) + kappa * peak * (peak - 1))
    return replace(bare, peak_users=peak, peak_rate=float(rate), spread=spread, curve_users=peak)
