"""Finds the highest load that still meets an SLO, from as few probes as will settle it. Pure: asks for probes, is told figures.

"p95 < T" is "at most 5 % are late", so each limit is a share that grows with the load. Around its limit the share is taken
to be logistic in the load, and what a probe of half a minute shows scatters around that far more than its thousands of
requests suggest, because requests that queue together share their luck (measured on M/M/8: as much as 15 independent ones).
Beta-binomial scatter says so. Load, steepness and scatter are laid on a grid; what the probes leave of it is the answer
and its interval. All limits are read from the same probes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]

# Grids: load relative to the scale, steepness (logits per whole scale), independent requests per probe.
LOADS = np.linspace(0.30, 1.15, 341)
STEEPNESS = np.exp(np.linspace(np.log(4.0), np.log(600.0), 14))
SCATTER = np.exp(np.linspace(np.log(1.0), np.log(1500.0), 10))
# Late requests queue together; errors come more by themselves.
TYPICAL_SCATTER, TYPICAL_ERROR_SCATTER, SCATTER_SPREAD = 8.0, 200.0, 1.3
STEEPNESS_SPREAD = 0.7
PRIOR_WIDTH = 0.03
# A ramp's short steps guess a limit about so well, as a share of the scale; the first probe goes a little below the guess.
GUESS_WIDTH = 0.12
START = 0.97
# Below all probes that missed: the first step and the longest, as shares of the load.
STEP_DOWN, LONGEST_STEP = 0.03, 0.4
# How far from a limit a probe still says something about it: as a share of the scale, and in the odds of what it saw. Close by
# once the limit is surrounded (a bracket of BRACKET[0] of the scale): late requests are logistic in the load only there, and from
# further away 16 servers of 40 ms were judged 1.5 % low. Far while it is still sought, and for errors, which are rare everywhere.
BRACKET = (0.05, 0.17)
REACH = (0.03, 0.10)
ALIKE = (0.7, 2.0)
# Of the model's own probability; calibrated on simulated queues so that the stated 95 % interval keeps its word.
LEVEL = 0.965
# A cliff is reported when its two sides are this close; arrivals at random blur its edges.
NARROW = 0.03
BLUR = 0.01


@dataclass(frozen=True)
class Goal:
    """A share that must stay below `share`; `limit_ms` is the latency it counts, None for errors."""

    name: str
    share: float
    limit_ms: float | None = None


@dataclass(frozen=True)
class Trial:
    """What one probe showed: requests/s that really came, requests, and how many missed each goal, in the goals' order.

    `errors_alone`: how many independent requests its errors look like, second by second; 0 when there were too few to say.
    """

    rate: float
    requests: int
    bad: tuple[int, ...]
    errors_alone: float = 0.0


@dataclass(frozen=True)
class Limit:
    """The load at which a goal is just met, with the interval that holds it with 95 % probability.

    `point`: between probes that met the goal and probes that missed it. `band`: nothing was seen in between (a cliff).
    `above`: every probe met it, so `low` is a lower bound. `below`: every probe missed it, so `high` is an upper one.
    """

    goal: str
    rate: float
    low: float
    high: float
    kind: Literal["point", "band", "above", "below"]

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2 / self.rate


@dataclass
class Belief:
    """What the probes so far leave of the possible limits of one goal. `scale` is the load of saturation, or with a `guess` of the limit any load near it."""

    goal: Goal
    scale: float
    guess: float | None = None
    trials: list[tuple[Trial, int]] = field(default_factory=list)
    _tables: list[Floats] = field(default_factory=list)

    def tell(self, trial: Trial, bad: int) -> None:
        self.trials.append((trial, bad))
        self._tables.append(self._likelihood(trial.rate / self.scale, trial.requests, bad))

    def posterior(self) -> Floats:
        """Probability of each load in LOADS to be the limit."""
        table = self._prior()
        centre, (reach, like) = self._centre(), self._nearness()
        for (trial, bad), likelihood in zip(self.trials, self._tables, strict=True):
            x = trial.rate / self.scale
            near = -0.5 * ((x - centre) / reach) ** 2
            alike = -0.5 * ((_odds((bad + 0.5) / (trial.requests + 1)) - _odds(self.goal.share)) / like) ** 2
            table = table + float(np.exp(max(near, alike))) * likelihood
        table = np.exp(table - table.max())
        loads = table.sum(axis=(1, 2))
        return np.asarray(loads / loads.sum(), dtype=np.float64)

    def quantiles(self, *levels: float) -> tuple[float, ...]:
        """The loads below which the limit lies with these probabilities."""
        found = np.cumsum(self.posterior())
        return tuple(self.scale * float(np.interp(level, found, LOADS)) for level in levels)

    def limit(self) -> Limit:
        low, middle, high = self.quantiles((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)
        met, missed = self._sides()
        kind: Literal["point", "band", "above", "below"] = "point" if met and missed else "above" if met else "below"
        if kind == "point" and self._is_cliff(max(met), min(missed)):
            edge_low, edge_high = max(met) * (1 - BLUR), min(missed) * (1 + BLUR)
            return Limit(self.goal.name, (edge_low + edge_high) / 2, edge_low, edge_high, "band")
        return Limit(self.goal.name, middle, low, high, kind)

    def _is_cliff(self, met: float, missed: float) -> bool:
        """Far less than the allowed share on one side and most requests on the other, each seen twice, with little in between."""
        if not met < missed <= met * (1 + NARROW):
            return False
        shares = [(trial.rate, bad / max(trial.requests, 1)) for trial, bad in self.trials]
        good = [share for rate, share in shares if met * (1 - NARROW) <= rate <= met]
        ill = [share for rate, share in shares if missed <= rate <= missed * (1 + NARROW)]
        return min(len(good), len(ill)) >= 2 and max(good) < self.goal.share / 10 and min(ill) > min(0.5, self.goal.share * 10)

    def _centre(self) -> float:
        """About where the limit is: between the highest load that met it and the lowest that missed it."""
        met, missed = self._sides()
        if not met or not missed:
            return (max(met) if met else min(missed, default=self.scale)) / self.scale
        return (max(met) + min(missed)) / 2 / self.scale

    def _nearness(self) -> tuple[float, float]:
        """The reach of a probe's word, in load and in odds."""
        met, missed = self._sides()
        if not self.goal.limit_ms or not met or not missed:
            return REACH[1], ALIKE[1]
        width = abs(min(missed) - max(met)) / self.scale
        return float(np.interp(width, BRACKET, REACH)), float(np.interp(width, BRACKET, ALIKE))

    def _sides(self) -> tuple[list[float], list[float]]:
        """The loads of probes that met the goal, and of those that missed it."""
        met = [trial.rate for trial, bad in self.trials if bad <= self.goal.share * trial.requests]
        missed = [trial.rate for trial, bad in self.trials if bad > self.goal.share * trial.requests]
        return met, missed

    def _prior(self) -> Floats:
        """Limits lie near saturation where that is known; queues get steeper the longer the latency that is allowed."""
        expected = max(8.0, self.scale * self.goal.limit_ms / 1000) if self.goal.limit_ms else 60.0
        load = self._prior_load()
        steep = -0.5 * (np.log(STEEPNESS / min(expected, 300.0)) / STEEPNESS_SPREAD) ** 2
        typical = TYPICAL_SCATTER if self.goal.limit_ms else self._error_scatter()
        scatter = -0.5 * (np.log(SCATTER / typical) / SCATTER_SPREAD) ** 2
        return np.asarray(load[:, None, None] + steep[None, :, None] + scatter[None, None, :], dtype=np.float64)

    def _error_scatter(self) -> float:
        """What the probes' own seconds say: errors that come singly are worth nearly all requests, an outage of a second is worth one."""
        seen = [trial.errors_alone for trial, _ in self.trials if trial.errors_alone]
        return float(np.clip(np.median(seen), 3.0, float(SCATTER[-1]))) if seen else TYPICAL_ERROR_SCATTER

    def _prior_load(self) -> Floats:
        if self.guess is not None:
            return np.asarray(-1.5 * np.log1p(((LOADS - self.guess / self.scale) / GUESS_WIDTH) ** 2 / 2), dtype=np.float64)
        # A queue under Poisson arrivals: P(T > t) is about exp(-(saturation - load)·t); other services have their limit lower.
        room = np.log(1 / self.goal.share) / (self.goal.limit_ms / 1000) / self.scale if self.goal.limit_ms else 0.05
        away = (LOADS - max(0.5, 1 - room)) / PRIOR_WIDTH
        return np.asarray(-1.5 * np.log1p(away**2 / 2) - np.where(LOADS > 1.02, 0.5 * ((LOADS - 1.02) / 0.02) ** 2, 0.0), dtype=np.float64)

    def _likelihood(self, x: float, requests: int, bad: int) -> Floats:
        """Log P(bad of requests) for every load of the limit, steepness and scatter: beta-binomial around a logistic."""
        odds = _odds(self.goal.share) + STEEPNESS[None, :] * (x - LOADS[:, None])
        share = np.clip(1 / (1 + np.exp(-np.clip(odds, -40, 40))), 1e-9, 1 - 1e-9)[:, :, None]
        # Rarer misses come in shorter bursts (measured on M/M/8 between 0.8 % and 5 % late: this power).
        independent = SCATTER[None, None, :] * np.sqrt(self.goal.share / share)
        ones, others = share * independent, (1 - share) * independent
        return np.asarray(_log_beta(bad + ones, requests - bad + others) - _log_beta(ones, others), dtype=np.float64)


def _odds(share: float) -> float:
    return float(np.log(share / (1 - share)))


def _log_beta(first: Floats, second: Floats) -> Floats:
    return np.asarray(gammaln(first) + gammaln(second) - gammaln(first + second), dtype=np.float64)


@dataclass
class Search:
    """Asks for the next load until every limit is known to `precision` (half the interval over the load).

    `scale` is the saturation rate. Where that is not known, `guesses` has a load for each goal, and `scale` is one that missed them.
    """

    goals: Sequence[Goal]
    scale: float
    precision: float = 0.02
    fewest: int = 4
    guesses: Sequence[float] = ()
    trials: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        guesses: Sequence[float | None] = self.guesses or [None] * len(self.goals)
        self.beliefs = [Belief(goal, self.scale, guess) for goal, guess in zip(self.goals, guesses, strict=True)]

    def tell(self, trial: Trial) -> None:
        """Take in what a probe showed."""
        self.trials.append(trial)
        for index, belief in enumerate(self.beliefs):
            belief.tell(trial, trial.bad[index])

    def limits(self) -> tuple[Limit, ...]:
        return tuple(belief.limit() for belief in self.beliefs)

    def ask(self, *, last: bool = False) -> float | None:
        """The load to try next; None when there is nothing left to learn. The `last` one should miss the first goal if no probe did."""
        if not self.trials:
            return START * self.guesses[0] if self.guesses else 0.90 * self.scale
        wanted = self._wanted()
        if len(self.trials) >= self.fewest and all(self.known(limit) for limit in wanted):
            return None
        first = self.limits()[0]
        if last and first.kind == "above" and first in wanted:
            return min(max(first.high, 1.02 * max(trial.rate for trial in self.trials)), self._most())
        return self._beside(max(wanted, key=self._want))

    def _wanted(self) -> list[Limit]:
        """The limits that matter: errors count only if they come before the last latency limit, and latency only before errors."""
        pairs = list(zip(self.goals, self.limits(), strict=True))
        slow = [limit for goal, limit in pairs if goal.limit_ms is not None]
        wrong = [limit for goal, limit in pairs if goal.limit_ms is None]
        reached = max(trial.rate for trial in self.trials)
        first = min((limit.high for limit in wrong if limit.kind in ("point", "band")), default=float("inf"))
        last = max((limit.rate for limit in slow), default=float("inf"))
        return [limit for limit in slow if limit.low <= first] + [
            limit
            for limit in wrong
            if not slow or (limit.kind != "above" and limit.rate < last) or (limit.kind == "above" and reached < last * 0.9)
        ]

    def known(self, limit: Limit) -> bool:
        return limit.kind == "band" or (limit.kind == "point" and limit.half_width <= self.precision)

    def _want(self, limit: Limit) -> float:
        """The least known limit first; one that was never missed only while the load it takes can still be offered."""
        return 0.0 if limit.kind == "band" else limit.half_width

    def _beside(self, limit: Limit) -> float:
        """Near the limit, by turns a little below and above: the steepness shows only from a distance."""
        step = min(0.02, max(0.004, limit.half_width / 2)) * (1 if len(self.trials) % 2 else -1)
        wanted = limit.rate * (1 + step)
        if limit.kind == "above":
            wanted = max(wanted, max(trial.rate for trial in self.trials) * 1.02)
        if limit.kind == "below":
            wanted = min(wanted, self._down(limit))
        return float(max(1.0, min(wanted, self._most())))

    def _most(self) -> float:
        return self.scale * float(LOADS[-1])

    def _down(self, limit: Limit) -> float:
        """Below the lowest load that missed: far, or near a guess by steps that double."""
        lowest = min(trial.rate for trial in self.trials)
        if not self.guesses:
            return limit.low if limit.low < 0.97 * lowest else (1 - LONGEST_STEP) * lowest
        return min(limit.rate, lowest * (1 - min(LONGEST_STEP, STEP_DOWN * 2.0 ** (len(self.trials) - 1))))
