"""Since when is it slower? Change points in the history of a phase's limits. Pure.

The series is split where the means of the two sides differ most against the scatter of neighbours (Student's t), as long as chance would
hardly do that; each side again. Single outliers make no change point: a side has at least three runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loadtests.result import CapacityResult, Verdict

FEWEST_RUNS, FEWEST_SIDE = 10, 3
# Of all splits the best is taken, so chance gets as many tries as there are splits.
CHANCE, MATTERS = 0.005, 0.03
# The median step between two normal values, in their standard deviations; and how far out an outlier is.
STEP_OF_ONE, OUTLIER = 0.954, 4.0


@dataclass(frozen=True)
class Change:
    """From the run at `index` on, the mean limit is `after` instead of `before` requests/s."""

    index: int
    before: float
    after: float

    @property
    def change(self) -> float:
        return self.after / self.before - 1


@dataclass(frozen=True)
class Point:
    """One run of the history, as trends see it."""

    run: str
    when: str
    version: str
    rate: float


def points(history: Sequence[CapacityResult]) -> list[Point]:
    """Answers on the machine of the latest run, against its SLO and its target: others cannot be compared."""
    answers = [one for one in history if one.verdict is Verdict.PASS and not one.interrupted and one.capacities]
    if not answers:
        return []
    last = answers[-1]
    same = [one for one in answers if (one.machine.fingerprint, one.slo, one.target) == (last.machine.fingerprint, last.slo, last.target)]
    return [Point(one.run, one.when, one.version, one.capacities[0].limit.rate) for one in same]


def changes(rates: Sequence[float]) -> list[Change]:
    """Change points in order; none for fewer than ten runs."""
    if len(rates) < FEWEST_RUNS:
        return []
    logs = np.log(np.asarray(rates, dtype=np.float64))
    scatter = _scatter(logs)
    logs = _without_outliers(logs, scatter)
    cuts = _cuts(logs, scatter)
    edges = [0, *cuts, len(logs)]
    means = [float(np.exp(logs[start:end].mean())) for start, end in pairwise(edges)]
    found = [Change(cut, before, after) for cut, before, after in zip(cuts, means, means[1:], strict=False)]
    return [one for one in found if abs(one.change) >= MATTERS]


def _scatter(logs: NDArray[np.float64]) -> float:
    """Of one run, from the steps between neighbours: a change of the mean is one step among many."""
    return max(float(np.median(np.abs(np.diff(logs)))) / STEP_OF_ONE, 1e-6)


def _without_outliers(logs: NDArray[np.float64], scatter: float) -> NDArray[np.float64]:
    """A run far from its neighbours on both sides becomes what they are."""
    around = np.array([np.median(logs[max(0, at - 2) : at + 3]) for at in range(len(logs))])
    return np.where(np.abs(logs - around) > OUTLIER * scatter, around, logs)


def _cuts(logs: NDArray[np.float64], scatter: float) -> list[int]:
    """Cut where it says most, each piece again; then put every cut anew between its neighbours, until nothing moves."""
    cuts, pieces = list[int](), [(0, len(logs))]
    while pieces:
        start, end = pieces.pop()
        cut = _best(logs, start, end, scatter)
        if cut is not None:
            cuts.append(cut)
            pieces += [(start, cut), (cut, end)]
    for _ in range(len(cuts) + 1):
        edges = [0, *sorted(cuts), len(logs)]
        moved = [cut for start, end in zip(edges, edges[2:], strict=False) if (cut := _best(logs, start, end, scatter)) is not None]
        if moved == sorted(cuts):
            break
        cuts = sorted(set(moved))
    return sorted(cuts)


def _best(logs: NDArray[np.float64], start: int, end: int, scatter: float) -> int | None:
    """Where to cut a piece; None where chance explains every difference."""
    splits = range(start + FEWEST_SIDE, end - FEWEST_SIDE + 1)
    chance, cut = min(((_chance(logs[start:one], logs[one:end], scatter, len(logs)), one) for one in splits), default=(1.0, 0))
    return cut if splits and chance * len(splits) <= CHANCE else None


def _chance(left: NDArray[np.float64], right: NDArray[np.float64], scatter: float, runs: int) -> float:
    """How likely chance alone would make the two sides differ so. A median of steps is worth about half the runs."""
    spread = scatter * math.sqrt(1 / len(left) + 1 / len(right))
    return float(2 * stats.t.sf(abs(float(left.mean() - right.mean())) / spread, runs / 2))
