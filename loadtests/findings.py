"""What a finished search found besides its limits, in sentences: what binds, where the peak is, whose users were counted. Pure."""

from __future__ import annotations

from loadtests import capacity
from loadtests.result import Binding, CapacityResult, Peak, Watched


def users_note(result: CapacityResult) -> str:
    response = "–" if result.response_ms is None else f"{result.response_ms:.0f} ms"
    return f"Users = requests/s × (response time + think time): {response} and {result.think_s:.1f} s. {_ratios(result)}"


def _ratios(result: CapacityResult) -> str:
    """How many registered users stand behind one at the peak: each phase's own ratio, and who says so."""
    own = [one for one in result.capacities if one.registered_per_concurrent is not None]
    if not own:
        return f"One of {result.registered_per_concurrent:.1f} registered users is taken to be there at the peak."
    told = ", ".join(f"one of {one.registered_per_concurrent:.1f} in phase {one.phase} ({one.ratio_source})" for one in own)
    return f"Registered users who are taken to be there at the peak: {told}."


def binds(result: CapacityResult) -> str:
    """What stops the load from growing, in a sentence or two."""
    binding = result.binding
    if binding is None:
        return ""
    slo = "latency" if binding.slo == "p95" else "errors"
    return f"The SLO on {slo} is reached first, nearest to it is {binding.endpoint}. {_resource(binding, result.watched)}"


def _resource(binding: Binding, watched: Watched | None) -> str:
    missing = unseen(watched)
    if not binding.uses:
        seen = watched is not None and bool(watched.by)
        return f"What was in use near the limit is not known. {missing}".rstrip() if seen else missing or "Nothing was watched."
    by = f", according to {watched.by}" if watched and watched.by else ""
    if binding.resource:
        return f"{binding.resource} is used up ({binding.uses[binding.resource]:.0%} in use{by}). {missing}".rstrip()
    most = max(binding.uses, key=lambda name: binding.uses[name])
    free = f"of {most}, the most used, {1 - binding.uses[most]:.0%} are free{by}"
    return f"No resource that was watched is used up: {free}. {missing}".rstrip()


def unseen(watched: Watched | None) -> str:
    """What is not known of resources in use, and why; empty where everybody who was asked knew."""
    if watched is None or not watched.why:
        return ""
    return f"{'Not everything was seen' if watched.by else 'Nothing was watched'}: {watched.why}."


def peak(result: CapacityResult) -> str:
    """Where more users stop helping, how sure that is and how far the data reach; or why that is not extrapolated. Empty without probes."""
    closed = {step.measured.probe.users for step in result.steps if step.told and step.measured.probe.kind == "closed"}
    law = result.peak
    if not result.steps or (law is not None and law.most_users is None):
        return ""
    if law is None:
        few = f"it takes {capacity.FEWEST_LOADS} different numbers of users without a pause, {len(closed)} counted{_way(result)}"
        why = few if len(closed) < capacity.FEWEST_LOADS else "the law does not describe these figures"
        return f"Peak by the universal scalability law: not fitted, {why}. Nothing is extrapolated beyond the measured load."
    return f"Peak by the universal scalability law: {_fitted(law, law.most_users or 0.0)}"


def _way(result: CapacityResult) -> str:
    return "" if any(step.kind == "saturation" for step in result.steps) else " (--allow-overload plays more)"


def _fitted(law: Peak, most: float) -> str:
    if law.users and law.rate and law.spread is not None:
        low, high = law.rate * (1 - law.spread), law.rate * (1 + law.spread)
        wide = "; they end before it, so the interval is the wider one" if most < law.users else ""
        return (
            f"{law.rate:,.0f} requests/s ({low:,.0f} to {high:,.0f}, nine times in ten) at {law.users:,.0f} users without a pause. "
            f"The data reach {most:,.0f} users, {most / law.users:.0%} of it{wide}."
        )
    if law.curve_users is None:
        return f"none up to the {most:,.0f} users without a pause that were tried. Nothing is extrapolated beyond them."
    reached = most / law.curve_users
    if reached < capacity.FAR_ENOUGH:
        return (
            f"not told. The data reach {most:,.0f} users without a pause, {reached:.0%} of where the curve has its peak; extrapolating is refused "
            f"below {capacity.FAR_ENOUGH:.0%}, because such a peak is off by up to a third from half of the way, and by all of it from a quarter."
        )
    return (
        f"none shown. Up to {most:,.0f} users without a pause the throughput levels off and does not fall, though the curve has a peak at "
        f"{law.curve_users:,.0f}. Nothing is extrapolated beyond them."
    )
