"""The search for a phase's capacity from the first user to the sustained load: which probe comes next, and what all of them say.

Touches nothing itself: `measure` plays a probe, `now` is the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from scipy.stats import binom

from loadtests import search, verdict
from loadtests.plan import Plan, Probe
from loadtests.progress import Narrowed, Probed
from loadtests.result import FoundLimit, Measured, Step, StepKind, Verdict, percent

Measure = Callable[[Probe], Measured | None]
CLOSED_USERS = (4, 16, 64, 256)
# More users that bring less than this have reached saturation.
GAIN = 1.05
RAMP_FACTOR = 1.5
# The step in which a ramp misses is halved so often.
HALVES = 2
# While p95 is below so many times one user's, nothing queues: a ramp's step may be short. Warm-up and seconds that count.
CALM, CALM_S, RAMP_WARMUP_S = 1.25, (1.0, 2.0), 2.0
# A short step misses a goal when so few steps of a service that just meets it would look so bad.
CHANCE = 0.01
MOST_INVALID = 3
# An interval wider than this to each side is no answer.
TOO_WIDE = 0.15
PATIENCE_S = 1.5
RECOVERY_S = 30.0
# Saturation is measured with some noise.
AT_MOST = 1.06
# Fewer errors say nothing about how they come.
FEWEST_ERRORS = 5


@dataclass(frozen=True)
class Profile:
    """How much time a search has, and what it spends it on. Seconds."""

    name: str
    budget_s: float
    alone_s: float = 3.0
    closed_s: float = 3.0
    ramp_s: float = 5.0
    warmup_s: float = 5.0
    probe_s: float = 25.0
    sustain_s: float = 30.0
    fewest: int = 4


DEFAULT = Profile("default", 290.0)
QUICK = Profile("quick", 115.0, closed_s=2.0, warmup_s=4.0, probe_s=14.0, sustain_s=14.0, fewest=3)


@dataclass
class Found:
    """What a hunt brings home. `limits` are the p95 limits in the order of the plan's, then the error limit; `search` holds all beliefs."""

    verdict: Verdict
    reasons: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    search: search.Search | None = None
    saturation_rps: float | None = None
    recovery_s: float | None = None
    interrupted: bool = False


class Stop(Exception):
    """The hunt ends here."""

    def __init__(self, found: Verdict, *reasons: str, interrupted: bool = False) -> None:
        super().__init__(*reasons)
        self.verdict, self.reasons, self.interrupted = found, reasons, interrupted


class Hunt:
    """One search. `say` hears what every probe showed and what is known after it."""

    def __init__(
        self, plan: Plan, profile: Profile, measure: Measure, say: Callable[[Probed | Narrowed], None], now: Callable[[], float], *, allow_overload: bool
    ) -> None:  # fmt: skip
        self.plan, self.profile, self.measure, self.say, self.now = plan, profile, measure, say, now
        self.allow_overload = allow_overload
        self.begin = now()
        self.steps: list[Step] = []
        self.search: search.Search | None = None
        self.saturation: float | None = None
        self.invalid = 0

    def run(self) -> Found:
        """Never raises for what a service does; a service, a generator or a person that ends the hunt is in the verdict."""
        try:
            alone = self._alone()
            self.search = self._saturated() if self.allow_overload else self._ramped(alone)
            self._narrow()
            found, reasons = self._sustain()
        except Stop as stop:
            return self._found(stop.verdict, stop.reasons, interrupted=stop.interrupted)
        return self._found(found, reasons)

    def left_s(self) -> float:
        return self.profile.budget_s - (self.now() - self.begin)

    def _found(self, found: Verdict, reasons: tuple[str, ...], *, interrupted: bool = False) -> Found:
        waits = [step.measured.recovery_s for step in self.steps if step.measured.recovery_s is not None]
        return Found(found, reasons, self.steps, self.search, self.saturation, max(waits, default=None), interrupted)

    def _play(self, kind: StepKind, probe: Probe) -> Measured | None:
        """The figures of a probe that counts, None for one that does not."""
        measured = self.measure(probe)
        if measured is None:
            raise Stop(Verdict.INCONCLUSIVE, "interrupted", interrupted=True)
        why = self._objection(measured)
        self.steps.append(Step(kind=kind, told=not why, why=why, measured=measured))
        self.say(_probed(self.steps[-1]))
        if measured.stopped == "interrupted":
            raise Stop(Verdict.INCONCLUSIVE, f"interrupted after {len(self.steps)} probes", interrupted=True)
        self._stop_at_limits_per_client(measured)
        self.invalid = self.invalid + 1 if why else 0
        if self.invalid >= MOST_INVALID:
            raise Stop(Verdict.INVALID, why)
        return None if why else measured

    def _objection(self, measured: Measured) -> str:
        if measured.stopped == "requests":
            return "the plan's number of requests was reached"
        return "; ".join(verdict.objections(measured.generator, self.plan.slo))

    def _stop_at_limits_per_client(self, measured: Measured) -> None:
        if measured.limited > verdict.GUARD.limited_share * max(measured.requests, 1):
            judged = verdict.judge(measured, self.plan.slo)
            raise Stop(Verdict.INVALID, *judged.reasons)

    def _alone(self) -> Measured:
        """One user without a pause: an SLO that is missed here is missed by every load."""
        probe = Probe(name="alone", kind="closed", users=1, warmup_s=0.5, seconds=self.profile.alone_s)
        measured = self._play("alone", probe) or self._play("alone", probe) or self._play("alone", probe)
        assert measured is not None  # noqa: S101 - the third invalid probe ends the hunt
        broken = [claim for claim in verdict.claims(measured, self.plan.slo) if claim.state == "broken"]
        if broken or not measured.requests:
            p95 = f"p95 {measured.latency.p95_ms:.0f} ms" if measured.latency else "no answer"
            raise Stop(
                Verdict.FAIL, f"the SLO is already missed with one user: {p95}, {measured.failed} of {measured.requests} requests failed"
            )
        return measured

    def _saturated(self) -> search.Search:
        """The rate that ever more users without a pause do not raise any more. Raises overload on purpose: needs consent."""
        best = 0.0
        for users in CLOSED_USERS:
            probe = Probe(
                name=f"{users} users", kind="closed", users=min(users, self.plan.max_in_flight), warmup_s=1.0,
                seconds=self.profile.closed_s, recovery_s=RECOVERY_S,
            )  # fmt: skip
            measured = self._play("saturation", probe)
            if measured is None:
                continue
            if measured.achieved_rps < best * GAIN:
                break
            best = measured.achieved_rps
        rates = [step.measured.achieved_rps for step in self.steps if step.kind == "saturation" and step.told]
        if not best:
            raise Stop(Verdict.INVALID, "no saturation probe could be trusted", *[step.why for step in self.steps if step.why][:1])
        # The highest of several noisy figures would be too high.
        full = [rate for rate in rates if rate * GAIN >= max(rates)]
        self.saturation = sum(full) / len(full)
        return search.Search(goals(self.plan), self.saturation, fewest=self.profile.fewest)

    def _ramped(self, alone: Measured) -> search.Search:
        """Raise the load by half until a goal is missed, each step short and given up early; then halve the step it was missed in."""
        low, high = 0.0, max(2.0, alone.achieved_rps / 2)
        while not (misses := self._ramp_step(high, calm=self._calm(alone))):
            low, high = (high, high * RAMP_FACTOR) if misses is False else (low, high)
            if self.left_s() < self._sustain_s():
                raise Stop(Verdict.INCONCLUSIVE, f"no limit was met up to {low:.0f} requests/s within the time given")
        for _ in range(HALVES):
            middle = (max(low, high / RAMP_FACTOR) * high) ** 0.5
            misses = self._ramp_step(middle)
            low, high = (low, middle) if misses else (middle, high) if misses is False else (low, high)
        return search.Search(goals(self.plan), high, fewest=self.profile.fewest, guesses=self._guesses())

    def _ramp_step(self, rate: float, *, calm: bool = False) -> bool | None:
        """Whether the load misses the goals; None when the step does not count."""
        warmup_s, seconds = CALM_S if calm else (RAMP_WARMUP_S, self.profile.ramp_s)
        measured = self._play("ramp", self._open(f"ramp {rate:.0f}/s", rate, warmup_s, seconds))
        return None if measured is None else self._misses(measured)

    def _calm(self, alone: Measured) -> bool:
        """Whether the last step was as quick as one user alone."""
        last = self.steps[-1].measured.latency
        return last is not None and alone.latency is not None and last.p95_ms < CALM * alone.latency.p95_ms

    def _guesses(self) -> tuple[float, ...]:
        """For each goal the middle of the ramp's steps around its limit."""
        steps = [step.measured for step in self.steps if step.kind == "ramp" and step.told]
        found = []
        for index, goal in enumerate(goals(self.plan)):
            low = max((one.offered_rps for one in steps if not missed(one, index, goal)), default=steps[0].offered_rps / RAMP_FACTOR)
            high = min((one.offered_rps for one in steps if one.offered_rps > low), default=low * RAMP_FACTOR)
            found.append((low * high) ** 0.5)
        return tuple(found)

    def _misses(self, measured: Measured) -> bool:
        """Whether every latency goal is missed or the error goal is, or requests piled up: then the bracket is closed."""
        misses = [missed(measured, index, goal) for index, goal in enumerate(goals(self.plan))]
        return all(misses[:-1]) or misses[-1]

    def _open(self, name: str, rate: float, warmup_s: float, seconds: float) -> Probe:
        return Probe(name=name, rate_per_s=rate, warmup_s=warmup_s, seconds=seconds, patience_s=PATIENCE_S, recovery_s=RECOVERY_S)

    def _narrow(self) -> None:
        """Probes where they tell most, until the limits are known or only the time for the sustained load is left."""
        assert self.search is not None  # noqa: S101 - made before
        cost = self.profile.warmup_s + self.profile.probe_s + 1.0
        while (left := self.left_s() - self._sustain_s()) >= cost and (rate := self.search.ask(last=left < 2 * cost)) is not None:
            measured = self._play("probe", self._open(f"{rate:.0f}/s", rate, self.profile.warmup_s, self.profile.probe_s))
            if measured is not None:
                self.search.tell(trial(measured))
            self._tell()

    def _tell(self) -> None:
        if self.search and self.search.trials:
            found = found_limits(self.plan, self.search)
            self.say(Narrowed(limits=found, probes=len(self.steps), left_s=round(max(0.0, self.left_s()), 1)))

    def _sustain_s(self) -> float:
        return self.profile.warmup_s + self.profile.sustain_s + 1.0

    def _sustain(self) -> tuple[Verdict, tuple[str, ...]]:
        """Hold the lower end of the own limit's interval for a while: what is promised has to be seen."""
        assert self.search is not None  # noqa: S101 - made before
        if not self.search.trials:
            raise Stop(Verdict.INCONCLUSIVE, "there was no time for a probe that counts")
        own = nearest(found_limits(self.plan, self.search), self.plan.slo.p95_ms)
        measured = self._play("sustain", self._open(f"sustain {own.low:.0f}/s", own.low, self.profile.warmup_s, self.profile.sustain_s))
        if measured is not None:
            self.search.tell(trial(measured))
            self._tell()
        return self._weigh(measured)

    def _weigh(self, sustained: Measured | None) -> tuple[Verdict, tuple[str, ...]]:
        assert self.search is not None  # noqa: S101 - made before
        own = nearest(found_limits(self.plan, self.search), self.plan.slo.p95_ms)
        says = _says(own)
        if own.kind == "above":
            return Verdict.INCONCLUSIVE, (says, "no load that was tried missed it: the limit is higher")
        if own.kind == "below":
            lowest = min(one.rate for one in self.search.trials)
            return Verdict.FAIL, (f"every load that was tried missed the SLO, down to {lowest:.0f} requests/s",)
        if (own.high - own.low) / 2 / own.rate > TOO_WIDE:
            return Verdict.INCONCLUSIVE, (says, "the interval is too wide to be an answer: the service or the machine is not steady")
        if sustained is None:
            return Verdict.INCONCLUSIVE, (says, "the sustained load did not count: " + self.steps[-1].why)
        if verdict.judge(sustained, self.plan.slo).verdict is Verdict.FAIL:
            return Verdict.INCONCLUSIVE, (says, f"but {sustained.offered_rps:.0f} requests/s could not be sustained")
        return Verdict.PASS, (says, f"{sustained.offered_rps:.0f} requests/s were sustained for {sustained.seconds:.0f} s")


def _probed(step: Step) -> Probed:
    one = step.measured
    return Probed(
        kind=step.kind, name=one.probe.name, offered_rps=one.offered_rps, achieved_rps=one.achieved_rps,
        p95_ms=one.latency.p95_ms if one.latency else None, failed=one.failed, why=step.why,
    )  # fmt: skip


def goals(plan: Plan) -> tuple[search.Goal, ...]:
    """One goal for each latency limit of the plan, then the error ratio."""
    slow = [search.Goal(f"p95 < {limit:.0f} ms", verdict.LATE_RATIO, limit) for limit in plan.limits_ms]
    return (*slow, search.Goal(f"errors < {percent(plan.slo.error_ratio)}", plan.slo.error_ratio))


def bad_of(measured: Measured) -> tuple[int, ...]:
    """What missed each goal, in the goals' order. A request that was given up on is late, but no error of the service."""
    return (*measured.late, measured.failed - measured.unanswered)


def missed(measured: Measured, index: int, goal: search.Goal) -> bool:
    """Whether a short step missed a goal by more than chance."""
    by_chance = float(binom.sf(bad_of(measured)[index] - 1, measured.requests, goal.share)) if measured.requests else 0.0
    return bool(measured.stopped) or by_chance < CHANCE


def trial(measured: Measured) -> search.Trial:
    effect = verdict.design_effect((block.failed, block.requests) for block in measured.blocks)
    alone = measured.requests / effect if bad_of(measured)[-1] >= FEWEST_ERRORS and not measured.stopped else 0.0
    return search.Trial(measured.offered_rps, measured.requests, bad_of(measured), alone)


def found_limits(plan: Plan, done: search.Search) -> tuple[FoundLimit, ...]:
    """The search's limits in the order of its goals."""
    found = []
    for goal, one in zip(done.goals, done.limits(), strict=True):
        slo: Literal["p95", "errors"] = "errors" if goal.limit_ms is None else "p95"
        value = plan.slo.error_ratio if goal.limit_ms is None else goal.limit_ms
        kind = "point" if one.kind == "above" and _saturates(done, goal, one) else one.kind
        found.append(FoundLimit(slo=slo, limit=value, rate=one.rate, low=one.low, high=one.high, kind=kind))
    return tuple(found)


def _saturates(done: search.Search, goal: search.Goal, limit: search.Limit) -> bool:
    """Whether saturation closes the interval of a latency limit that no probe missed: beyond what a service can do at most requests only wait."""
    known = goal.limit_ms is not None and not done.guesses
    return known and limit.high <= done.scale * AT_MOST and max(one.rate for one in done.trials) >= limit.low


def nearest(limits: Sequence[FoundLimit], p95_ms: float) -> FoundLimit:
    """Of a latency limit and the error limit the one that comes first; an error limit that was never met does not count."""
    latency = next(one for one in limits if one.slo == "p95" and one.limit == p95_ms)
    errors = next(one for one in limits if one.slo == "errors")
    return errors if errors.kind != "above" and errors.rate < latency.rate else latency


def _says(limit: FoundLimit) -> str:
    what = f"p95 < {limit.limit:.0f} ms" if limit.slo == "p95" else f"errors < {percent(limit.limit)}"
    return f"{what} holds up to {limit.rate:.0f} requests/s (95 % interval {limit.low:.0f} to {limit.high:.0f})"
