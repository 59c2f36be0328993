"""Usual load, a burst well above it, usual load again: what the burst costs, and how soon the service is itself again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loadtests import verdict
from loadtests.plan import Probe
from loadtests.result import Concluded, Judgement, Machine, Measured, Verdict
from phases.model import Slo

SCHEMA = "cmctl/loadtest-spike/1"
RECOVERY_S = 60.0


@dataclass(frozen=True)
class Shape:
    """Requests per second before and after, and in the burst of `burst_s`. `after_s` has to be long enough for the claim on errors."""

    usual: float
    burst: float
    usual_s: float = 30.0
    burst_s: float = 15.0
    warmup_s: float = 5.0
    after_s: float = 30.0

    @property
    def seconds(self) -> float:
        """What all of it takes at most, with the time to recover."""
        return self.warmup_s + self.usual_s + self.burst_s + RECOVERY_S + self.after_s

    def probes(self) -> tuple[Probe, Probe, Probe]:
        # The burst is given up only when nothing would be learnt from it any more.
        return (
            Probe(name="before", rate_per_s=self.usual, warmup_s=self.warmup_s, seconds=self.usual_s, patience_s=5.0),
            Probe(name="burst", rate_per_s=self.burst, warmup_s=0.0, seconds=self.burst_s, recovery_s=RECOVERY_S),
            Probe(name="after", rate_per_s=self.usual, warmup_s=1.0, seconds=self.after_s, patience_s=5.0),
        )


class Spiked(Concluded):
    """A finished spike. `recovery_s` is until one user was served about as before; None when nobody had to wait for it."""

    run: str
    when: str
    target: str
    version: str
    machine: Machine
    usual: float
    burst: float
    recovery_s: float | None
    before: Judgement | None
    after: Judgement | None
    steps: tuple[Measured, ...]


@dataclass(frozen=True)
class Around:
    run: str
    when: str
    target: str
    version: str
    machine: Machine


@dataclass
class Played:
    steps: list[Measured]
    interrupted: bool = False


def play(shape: Shape, measure: Callable[[Probe], Measured | None]) -> Played:
    """A service that fails at its usual load gets no burst."""
    played = Played([])
    for probe in shape.probes():
        measured = measure(probe)
        if measured is None or measured.stopped == "interrupted":
            played.interrupted = True
            return played
        played.steps.append(measured)
        if probe.name == "before" and measured.stopped in ("errors", "in-flight"):
            return played
    return played


def conclude(played: Played, shape: Shape, slo: Slo, around: Around) -> Spiked:
    by_name = {one.probe.name: one for one in played.steps}
    before, after = (verdict.judge(by_name[name], slo) if name in by_name else None for name in ("before", "after"))
    burst = by_name.get("burst")
    found, reasons = _weigh(before, burst, after, played)
    return Spiked(
        **vars(around), usual=shape.usual, burst=shape.burst, verdict=found, reasons=reasons, recovery_s=burst.recovery_s if burst else None,
        before=before, after=after, steps=tuple(played.steps), interrupted=played.interrupted,
    )  # fmt: skip


def _weigh(before: Judgement | None, burst: Measured | None, after: Judgement | None, played: Played) -> tuple[Verdict, tuple[str, ...]]:
    if played.interrupted or before is None:
        return Verdict.INCONCLUSIVE, (f"interrupted after {len(played.steps)} of 3 parts",)
    if before.verdict in (Verdict.FAIL, Verdict.INVALID):
        return before.verdict, ("the usual load was not served before the burst", *before.reasons)
    if burst is None or after is None:
        return Verdict.INCONCLUSIVE, ("the burst was not played",)
    told = _in_the_burst(burst)
    if burst.recovery_s is not None and burst.recovery_s >= RECOVERY_S:
        return Verdict.FAIL, (told, f"{RECOVERY_S:.0f} s after it one user was not served as before")
    return after.verdict, (told, *(f"after the burst: {reason}" for reason in after.reasons))


def _in_the_burst(burst: Measured) -> str:
    p95 = f"p95 {burst.latency.p95_ms:.0f} ms" if burst.latency else "nothing was answered"
    end = f", given up after {burst.seconds:.0f} s" if burst.stopped else ""
    back = f"; one user was served as before after {burst.recovery_s:.1f} s" if burst.recovery_s is not None else ""
    return f"in the burst of {burst.probe.rate_per_s:.0f} requests/s: {p95}, {burst.failed} of {burst.requests} requests failed{end}{back}"
