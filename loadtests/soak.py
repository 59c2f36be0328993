"""One rate for long: does the service get slower, does it leak. Windows follow each other without a pause; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

from loadtests import merge, verdict
from loadtests.plan import Probe
from loadtests.result import Concluded, Judgement, Machine, Measured, Value, Verdict, Watched
from phases.model import Slo

SCHEMA = "cmctl/loadtest-soak/1"
# A trend counts when chance explains it in one of a hundred soaks, and when it matters: a tenth more in all, or full within a week.
CHANCE, MATTERS, SOON_H = 0.01, 0.10, 168.0
FEWEST_WINDOWS = 6
# A share of memory that grows by less is a cache that fills.
FEWEST_GROWTH = 0.02
MEMORY = "memory of "
# Whatever runs on a host fills it: only what belongs to the platform can be told to leak.
HOSTS_MEMORY = "memory of host "


@dataclass(frozen=True)
class Length:
    """`seconds` in all, in windows of `window_s`; the first one starts with a warm-up."""

    seconds: float = 1800.0
    window_s: float = 60.0
    warmup_s: float = 10.0

    @property
    def windows(self) -> int:
        return max(1, round(self.seconds / self.window_s))


class Trend(Value):
    """What grows: by `change` of its first value over the soak (for memory: of its limit), full in `full_h` hours at this pace."""

    what: str
    first: float
    last: float
    change: float
    full_h: float | None
    matters: bool


class Soaked(Concluded):
    """A finished soak. `judgement` is of all windows together, `verdict` takes trends into account."""

    run: str
    when: str
    target: str
    version: str
    machine: Machine
    rate: float
    judgement: Judgement | None
    p95_ms: tuple[float | None, ...]
    trends: tuple[Trend, ...]
    seconds: float
    requests: int
    failed: int
    watched: Watched | None = None


@dataclass(frozen=True)
class Around:
    run: str
    when: str
    target: str
    version: str
    machine: Machine
    rate: float


@dataclass
class Played:
    windows: list[Measured]
    interrupted: bool = False
    stopped: bool = False


def windows(length: Length, rate: float, measure: Callable[[Probe], Measured | None], slo: Slo) -> Played:
    """Window after window until the end, an interruption, or an outage: most requests fail, or most are late and pile up."""
    played = Played([])
    for number in range(length.windows):
        warmup_s = length.warmup_s if not number else 0.0
        probe = Probe(
            name=f"minute {number + 1}", rate_per_s=rate, warmup_s=warmup_s, seconds=length.window_s, patience_s=max(3.0, slo.p95_ms / 100)
        )
        measured = measure(probe)
        if measured is not None:
            played.windows.append(measured)
        played.interrupted = measured is None or measured.stopped == "interrupted"
        played.stopped = measured is not None and measured.stopped in ("errors", "in-flight")
        if played.interrupted or played.stopped:
            break
    return played


def conclude(played: Played, slo: Slo, around: Around, uses: Mapping[str, Mapping[str, float]]) -> Soaked:
    p95s = tuple(one.latency.p95_ms if one.latency else None for one in played.windows)
    whole = merge.one_after_the_other(played.windows) if played.windows else None
    judged = verdict.judge(whole, slo, interrupted=played.interrupted) if whole else None
    trends = tuple(_trends(p95s, [uses.get(one.probe.name, {}) for one in played.windows], [one.seconds for one in played.windows]))
    found, reasons = _weigh(judged, trends, played)
    return Soaked(
        **vars(around), verdict=found, reasons=reasons, judgement=judged, p95_ms=p95s, trends=trends, seconds=whole.seconds if whole else 0.0,
        requests=whole.requests if whole else 0, failed=whole.failed if whole else 0, interrupted=played.interrupted,
    )  # fmt: skip


def _weigh(judged: Judgement | None, trends: Sequence[Trend], played: Played) -> tuple[Verdict, tuple[str, ...]]:
    if judged is None:
        return Verdict.INCONCLUSIVE, ("interrupted before any load was sent",)
    bad = tuple(says(trend) for trend in trends if trend.matters)
    if judged.verdict is Verdict.PASS and bad:
        return Verdict.FAIL, (*bad, *judged.reasons)
    few = (
        ()
        if len(played.windows) >= FEWEST_WINDOWS
        else (f"{len(played.windows)} windows are too few to see a trend ({FEWEST_WINDOWS} are needed)",)
    )
    return judged.verdict, (*judged.reasons, *bad, *few)


def says(trend: Trend) -> str:
    if trend.what.startswith(MEMORY):
        when = f", full in {trend.full_h:.0f} h" if trend.full_h is not None else ""
        return f"{trend.what} grew from {trend.first:.0%} to {trend.last:.0%} of its limit{when}"
    return f"{trend.what} grew from {trend.first:.0f} to {trend.last:.0f} ms ({trend.change:+.0%})"


def _trends(p95s: Sequence[float | None], shares: Sequence[Mapping[str, float]], seconds: Sequence[float]) -> list[Trend]:
    hours = [sum(seconds[: at + 1]) / 3600 for at in range(len(seconds))]
    found = [trend for trend in [_slope("p95", hours, p95s)] if trend]
    for name in sorted({name for one in shares for name in one if name.startswith(MEMORY) and not name.startswith(HOSTS_MEMORY)}):
        grown = _slope(name, hours, [one.get(name) for one in shares])
        if grown:
            found.append(grown)
    return found


def _slope(what: str, hours: Sequence[float], values: Sequence[float | None]) -> Trend | None:
    """A line through the values, when it rises by more than chance and by enough to be worth telling."""
    points = [(at, value) for at, value in zip(hours, values, strict=True) if value is not None]
    if len(points) < FEWEST_WINDOWS or len({value for _, value in points}) == 1:
        return None
    line = stats.linregress([at for at, _ in points], [value for _, value in points])
    if line.slope <= 0 or line.pvalue > CHANCE:
        return None
    first, last = (line.intercept + line.slope * points[end][0] for end in (0, -1))
    memory = what.startswith(MEMORY)
    change = last - first if memory else (last - first) / max(first, 1e-9)
    full_h = (1 - last) / line.slope if memory else None
    matters = change > FEWEST_GROWTH and math.isfinite(full_h) and full_h < SOON_H if full_h is not None else change > MATTERS
    return Trend(
        what=what,
        first=float(first),
        last=float(last),
        change=float(change),
        full_h=None if full_h is None else float(full_h),
        matters=bool(matters),
    )
