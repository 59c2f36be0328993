"""Load tests as a person sees them when they are over: figures on stdout, the verdict with its reasons on stderr."""

from __future__ import annotations

from commands import ui
from loadtests import findings, report
from loadtests.capacity import Advice
from loadtests.result import CapacityResult, Latency, Result
from phases.model import Target

STYLES = {"PASS": "bold green", "FAIL": "bold red"}


def show_search(result: CapacityResult) -> None:
    """What each phase's SLO allows on stdout, the verdict, what binds and what follows from it on stderr."""
    if result.capacities:
        ui.table(
            ("phase", "SLO that binds", "requests/s", "95 % interval", "users at once", "interval", "registered users"),
            [report.phase_cells(one) for one in result.capacities], right=("requests/s", "95 % interval", "users at once", "interval", "registered users"),
        )  # fmt: skip
    verdict = result.verdict.value
    ui.say(
        f"{verdict}: phase {result.phase} in {result.environment}, after {ui.took(result.seconds)}",
        style=STYLES.get(verdict, "bold yellow"),
    )
    for text in (*result.reasons, findings.binds(result), findings.peak(result), recovered(result), *result.notes):
        if text:
            ui.say(f"  {text}")


def recovered(result: CapacityResult) -> str:
    return "" if result.recovery_s is None else f"after overload one user was served as before within {result.recovery_s:.1f} s"


def notes(result: CapacityResult, target: Target, advice: Advice | None, *, shared: bool) -> list[str]:
    """What the figures mean for the phase: against its target, and for the users there are. `shared`: generator and phase are on one machine."""
    found = []
    if shared:
        found.append("the load generator and every container share this machine: on hosts of their own the figures are others")
    if result.capacities:
        own = result.capacities[0].concurrent
        word = "more" if own.low > target.concurrent else "fewer" if own.high < target.concurrent else "about as many"
        found.append(
            f"{own.middle:,} users at once ({own.low:,} to {own.high:,}): {word} {'as' if word.startswith('about') else 'than'} the {target.concurrent:,} this phase is meant for"
        )
    return [*found, *([advised(advice, result.phase)] if advice else [])]


def advised(advice: Advice, phase: int) -> str:
    """`headroom` is below zero where there are more users than fit."""
    room = (
        f"{advice.headroom:.0%} of what it holds is free"
        if advice.headroom >= 0
        else f"{1 - advice.headroom:.1f} times as many users are there as fit"
    )
    if advice.action == "stay":
        when = "" if advice.weeks is None else f"; the next move comes in about {advice.weeks} weeks"
        return f"stay on phase {phase}: {room}{when}"
    return (
        f"move to phase {phase + 1} {'now' if not advice.weeks else f'in about {advice.weeks} weeks'}: {room}, and a fifth should stay free"
    )


def show(result: Result) -> None:
    """Figures and endpoints on stdout, the verdict and its reasons on stderr."""
    measured = result.measured
    if measured is not None:
        ui.table(
            ("endpoint", "requests", "failed", "p50", "p95", "p99"),
            [
                (one.name, one.requests, one.failed, *_times(one.latency))
                for one in sorted(measured.endpoints, key=lambda one: -one.requests)
            ]
            + [("all", measured.requests, measured.failed, *_times(measured.latency))],
            right=("requests", "failed", "p50", "p95", "p99"),
        )
        used = measured.generator
        ui.say(
            f"{measured.offered_rps:.1f} requests/s offered, {measured.achieved_rps:.1f} answered well; "
            f"the generator used {used.cpu_share:.0%} of a core and sent up to {used.start_lag_p99_ms or 0:.0f} ms late (p99)"
        )
    verdict = result.judgement.verdict.value
    ui.say(f"{verdict}: phase {result.phase} in {result.environment}", style=STYLES.get(verdict, "bold yellow"))
    for reason in result.judgement.reasons:
        ui.say(f"  {reason}")
    if result.judgement.worst:
        ui.say(f"  nearest to its limit: {result.judgement.worst}, p95 {result.judgement.worst_p95_ms or 0:.0f} ms")


def _times(latency: Latency | None) -> tuple[str, str, str]:
    if latency is None:
        return "–", "–", "–"
    return f"{latency.p50_ms:.0f} ms", f"{latency.p95_ms:.0f} ms", f"{latency.p99_ms:.0f} ms"
