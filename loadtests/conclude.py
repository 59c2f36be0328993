"""From a finished hunt to the answer: users by phase, what binds, what a prediction beyond the data is worth. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loadtests import capacity, hunt, verdict
from loadtests import journeys as catalogue
from loadtests.plan import Plan
from loadtests.result import Binding, CapacityResult, FoundLimit, Machine, Measured, Peak, PhaseCapacity, Range, Step, Verdict
from loadtests.uses import OTHERS

# Used up to this share of what it may use, a resource is what binds. Queues miss an SLO before that: what is used up under
# overload binds as well when it was well used at the limit.
USED_UP = 0.90
WELL_USED = 0.70
# Other programs may use this much of the machine's CPU; beyond it, what was not found is their doing.
OTHERS_MAY = 0.25


@dataclass(frozen=True)
class Circumstances:
    """What a result says about where and when it was measured. `ratios`: phase → registered users for each one at the peak."""

    when: str
    machine: Machine
    ratios: Mapping[int, capacity.Ratio]
    seconds: float
    profile: str


def conclude(plan: Plan, found: hunt.Found, around: Circumstances, uses: Mapping[str, Mapping[str, float]]) -> CapacityResult:
    """`uses` are shares of resources in use while a probe ran, by the probe's name."""
    limits = hunt.found_limits(plan, found.search) if found.search and found.search.trials else ()
    own = hunt.nearest(limits, plan.slo.p95_ms) if limits else None
    think_s = catalogue.mean_think_s(plan.journeys)
    response_s = _response_s(found.steps, own)
    judged, reasons = _on_a_busy_machine(found, uses)
    middles = _quantiles(plan, found, own, response_s, think_s)
    return CapacityResult(
        run=plan.run, when=around.when, profile=around.profile, platform=plan.platform, phase=plan.phase, environment=plan.environment,
        target=plan.target.url, version=plan.version, machine=around.machine, slo=plan.slo, verdict=judged, reasons=reasons,
        capacities=tuple(_capacities(plan, limits, response_s, think_s, around.ratios)), users_p10_p50_p90=middles,
        response_ms=None if response_s is None else round(response_s * 1000, 2), think_s=round(think_s, 3),
        registered_per_concurrent=around.ratios.get(plan.phase, capacity.UNKNOWN_RATIO).registered, saturation_rps=found.saturation_rps, recovery_s=found.recovery_s,
        peak=_peak(found.steps), binding=_binding(found.steps, own, uses), steps=tuple(found.steps), seconds=round(around.seconds, 1),
        interrupted=found.interrupted,
    )  # fmt: skip


def _capacities(
    plan: Plan, limits: Sequence[FoundLimit], response_s: float | None, think_s: float, ratios: Mapping[int, capacity.Ratio]
) -> list[PhaseCapacity]:  # fmt: skip
    if not limits or response_s is None:
        return []
    found = []
    for number, slo in plan.slos.items() or {plan.phase: plan.slo}.items():
        limit = hunt.nearest(limits, slo.p95_ms)
        concurrent = capacity.users((limit.low, limit.rate, limit.high), response_s, think_s)
        ratio = ratios.get(number, capacity.UNKNOWN_RATIO)
        found.append(
            PhaseCapacity(
                phase=number,
                p95_ms=slo.p95_ms,
                binding=limit.slo,
                limit=limit,
                concurrent=_range(concurrent),
                registered=_range(capacity.registered(concurrent, ratio.registered)),
                registered_per_concurrent=ratio.registered,
                ratio_source=ratio.source,
            )
        )
    return found


def _range(users: capacity.Users) -> Range:
    return Range(low=users.low, middle=users.middle, high=users.high)


def _response_s(steps: Sequence[Step], own: FoundLimit | None) -> float | None:
    """Mean response time in the probe that comes nearest to the limit from below (Little's law: in flight over rate)."""
    tried = [step.measured for step in steps if step.told and step.kind in ("probe", "sustain") and step.measured.offered_rps]
    if own is None or not tried:
        return None
    below = [one for one in tried if one.offered_rps <= own.rate] or tried
    best = min(below, key=lambda one: abs(one.offered_rps - own.rate))
    return best.in_flight / best.offered_rps


def _quantiles(
    plan: Plan, found: hunt.Found, own: FoundLimit | None, response_s: float | None, think_s: float
) -> tuple[int, int, int] | None:  # fmt: skip
    """Users at the 10 %, 50 % and 90 % quantile of the own limit."""
    if own is None or response_s is None or found.search is None:
        return None
    index = next(i for i, one in enumerate(hunt.found_limits(plan, found.search)) if (one.slo, one.limit) == (own.slo, own.limit))
    low, middle, high = found.search.beliefs[index].quantiles(0.1, 0.5, 0.9)
    users = capacity.users((low, middle, high), response_s, think_s)
    return users.low, users.middle, users.high


def _peak(steps: Sequence[Step]) -> Peak | None:
    points = [
        (float(step.measured.probe.users), step.measured.achieved_rps)
        for step in steps
        if step.told and step.measured.probe.kind == "closed" and step.measured.achieved_rps
    ]
    law = capacity.scaling(points)
    if law is None:
        return None
    return Peak(
        users=law.peak_users, rate=law.peak_rate, spread=law.spread, contention=law.contention, coherency=law.coherency, curve_users=law.curve_users,
        most_users=max(count for count, _ in points),
    )  # fmt: skip


def _binding(steps: Sequence[Step], own: FoundLimit | None, uses: Mapping[str, Mapping[str, float]]) -> Binding | None:
    """The endpoint and the resource that were at their limit in the probe nearest above the limit, or the highest below it."""
    tried = [step.measured for step in steps if step.told and step.kind in ("probe", "ramp", "sustain")]
    if own is None or not tried:
        return None
    above = [one for one in tried if one.offered_rps >= own.rate]
    at = min(above, key=lambda one: one.offered_rps) if above else max(tried, key=lambda one: one.offered_rps)
    endpoint = _worst(at, own)
    shares = dict(uses.get(at.probe.name, {}))
    return Binding(slo=own.slo, endpoint=endpoint, resource=_used_up(shares, uses.values()), uses=shares)


def _on_a_busy_machine(found: hunt.Found, all_shares: Mapping[str, Mapping[str, float]]) -> tuple[Verdict, tuple[str, ...]]:
    """Without an answer, on a machine that other programs kept busy, the machine is what was measured: INVALID."""
    others = sorted(shares[OTHERS] for shares in all_shares.values() if OTHERS in shares)
    share = others[len(others) // 2] if others else 0.0
    if found.verdict is Verdict.PASS or found.interrupted or share <= OTHERS_MAY:
        return found.verdict, found.reasons
    return Verdict.INVALID, (
        f"other programs used {share:.0%} of this machine's CPU while it was measured ({OTHERS_MAY:.0%} is the limit)",
        *found.reasons,
    )


def _used_up(shares: Mapping[str, float], all_shares: Iterable[Mapping[str, float]]) -> str:
    """The resource that is nearest to its end; empty when none is near."""
    highest = [*all_shares]

    def ends(name: str) -> bool:
        most = max(one.get(name, 0.0) for one in highest)
        return shares[name] >= USED_UP or (shares[name] >= WELL_USED and most >= USED_UP)

    return max((name for name in shares if ends(name)), key=lambda name: shares[name], default="")


def _worst(at: Measured, own: FoundLimit) -> str:
    if own.slo == "errors":
        wrong = max(at.endpoints, key=lambda one: one.failed / one.requests, default=None)
        return wrong.name if wrong else ""
    index = at.limits_ms.index(own.limit)
    slowest = verdict.worst_endpoint(at.endpoints, index)
    return slowest.name if slowest else ""
