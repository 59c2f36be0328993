"""Is this build slower than that one? Short runs on both by turns, so that what happens to the machine happens to both. Pure.

One after the other, identical code differs by what changed in between (8 pairs in sequence: 6 % false alarms; by turns none).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from loadtests import merge, verdict
from loadtests.plan import Probe
from loadtests.result import Concluded, Machine, Measured, Value, Verdict
from phases.model import Slo

# A whole interval below this is a slower build; a whole one above that is as good.
TOLERATED, MATTERS = -0.03, -0.10
DRAWS, CONFIDENCE, SEED = 4000, 0.95, 7
SCHEMA = "cmctl/loadtest-compare/1"


@dataclass(frozen=True)
class Turns:
    """How a comparison is played: `users` without a pause, `pairs` of runs of `seconds` after a warm-up."""

    pairs: int = 8
    users: int = 8
    seconds: float = 5.0
    warmup_s: float = 1.0

    def probe(self, name: str) -> Probe:
        return Probe(name=name, kind="closed", users=self.users, warmup_s=self.warmup_s, seconds=self.seconds)


TURNS = Turns()


class Pair(Value):
    """One run on each build, answered well per second."""

    base_rps: float
    head_rps: float

    @property
    def ratio(self) -> float:
        return self.head_rps / self.base_rps - 1


class Compared(Concluded):
    """`change` of the requests answered per second, as a share of base's, with its 95 % interval."""

    run: str
    when: str
    base: str
    head: str
    machine: Machine
    change: float | None
    low: float | None
    high: float | None
    base_p95_ms: float | None
    head_p95_ms: float | None
    base_failed: int
    head_failed: int
    requests: int
    pairs: tuple[Pair, ...]


@dataclass
class Played:
    """What both builds showed so far, in turns."""

    base: list[Measured]
    head: list[Measured]
    interrupted: bool = False


Play = Callable[[Probe], Measured | None]


def by_turns(turns: Turns, base: Play, head: Play) -> Played:
    """Base first in one pair, head first in the next. Ends early when a play gives nothing (interrupted)."""
    played = Played([], [])
    for number in range(turns.pairs):
        order = [(base, played.base, "base"), (head, played.head, "head")]
        for play, found, name in order if number % 2 == 0 else reversed(order):
            measured = play(turns.probe(f"{name} {number + 1}"))
            if measured is None or measured.stopped == "interrupted":
                played.interrupted = True
                return played
            found.append(measured)
    return played


def interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Mean of the ratios and its bootstrap interval; few values get the width that resampling takes from them."""
    values = np.asarray(ratios)
    drawn = np.random.default_rng(SEED).choice(values, (DRAWS, len(values))).mean(axis=1)
    middle = float(values.mean())
    wide = (len(values) / (len(values) - 1)) ** 0.5
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return middle, middle + (float(low) - middle) * wide, middle + (float(high) - middle) * wide


def judge(ratios: Sequence[float]) -> tuple[Verdict, float, float, float]:
    """FAIL: surely slower than is tolerated. PASS: surely not slower by what matters."""
    change, low, high = interval(ratios)
    found = Verdict.FAIL if high < TOLERATED else Verdict.PASS if low > MATTERS else Verdict.INCONCLUSIVE
    return found, change, low, high


@dataclass(frozen=True)
class Around:
    run: str
    when: str
    base: str
    head: str
    machine: Machine


def conclude(played: Played, slo: Slo, around: Around) -> Compared:
    pairs = tuple(
        Pair(base_rps=one.achieved_rps, head_rps=other.achieved_rps)
        for one, other in zip(played.base, played.head, strict=False)
        if one.achieved_rps
    )
    base, head = (merge.one_after_the_other(parts) if parts else None for parts in (played.base, played.head))
    found, reasons, (change, low, high) = _weigh(played, pairs, base, head, slo)
    return Compared(
        **vars(around), verdict=found, reasons=reasons, change=change, low=low, high=high, base_p95_ms=_p95(base), head_p95_ms=_p95(head),
        base_failed=base.failed if base else 0, head_failed=head.failed if head else 0,
        requests=sum(one.requests for one in (base, head) if one), pairs=pairs, interrupted=played.interrupted,
    )  # fmt: skip


Weighed = tuple[Verdict, tuple[str, ...], tuple[float | None, float | None, float | None]]


def _weigh(played: Played, pairs: Sequence[Pair], base: Measured | None, head: Measured | None, slo: Slo) -> Weighed:
    """Errors first, then the generator, then speed."""
    nothing = (None, None, None)
    if base is None or head is None or len(pairs) < 3:
        return Verdict.INCONCLUSIVE, (f"{len(pairs)} pairs say nothing; three are the fewest",), nothing
    objections = [why for one in (base, head) for why in verdict.objections(one.generator, slo)]
    wrong = head.failed / head.requests - base.failed / base.requests
    if verdict.settle(head.failed, head.requests, slo.error_ratio) == "broken" and wrong > slo.error_ratio:
        return (
            Verdict.FAIL,
            (f"{head.failed} of {head.requests} requests failed on head, {base.failed} of {base.requests} on base",),
            nothing,
        )
    if objections:
        return Verdict.INVALID, tuple(objections), nothing
    found, *figures = judge([pair.ratio for pair in pairs])
    change, low, high = figures
    says = f"head answers {change:+.1%} requests/s of base (95 % interval {low:+.1%} to {high:+.1%}, {len(pairs)} pairs)"
    why = {Verdict.FAIL: "slower than base", Verdict.PASS: "not slower by 10 % or more"}.get(
        found, "too uneven to tell: more pairs, or a quieter machine"
    )
    if played.interrupted:
        return Verdict.INCONCLUSIVE, (f"interrupted after {len(pairs)} pairs", says), (change, low, high)
    return found, (says, why), (change, low, high)


def _p95(one: Measured | None) -> float | None:
    return one.latency.p95_ms if one and one.latency else None
