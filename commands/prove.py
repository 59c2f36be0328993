"""`--prove`: steady traffic around an operation, and one line that says what it noticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from commands import ui
from errors import GateRefused

if TYPE_CHECKING:
    from loadtests.result import Measured

# Enough to meet a gap of a tenth of a second, little enough to be no load.
RATE = 50.0


@contextmanager
def around(platform: str, phase: int | None, environment: str, *, wanted: bool) -> Iterator[None]:
    """Play the platform's journeys while the block runs. Raises GateRefused (3) when a request failed, after the block is done.

    `phase` is the one that is live before; None: nothing serves yet, so there is nothing to lose, and that is said.
    """
    if not wanted or phase is None:
        if wanted:
            ui.say("--prove: nothing serves yet, so no request can be lost")
        yield
        return
    from commands import load_plan
    from loadtests import run

    with run.steady(load_plan.probes_plan(load_plan.Asked(platform, phase, environment)), RATE) as figures:
        yield
    seen = figures.result()
    ui.say(line(seen))
    if seen and seen.failed:
        raise GateRefused(f"{seen.failed} of {seen.requests} requests failed meanwhile", why=reasons(seen), hint="cmctl status; cmctl logs")


def line(seen: Measured | None) -> str:
    if seen is None or seen.latency is None:
        return "--prove: the load generator has no figures"
    return f"--prove: {seen.requests} requests, {seen.failed} failed, worst latency {seen.latency.max_ms:.0f} ms, p99 {seen.latency.p99_ms:.0f} ms"


def reasons(seen: Measured) -> str:
    """What the failed ones were answered: statuses, and those without any answer."""
    parts = [f"{count} × {status}" for status, count in sorted(seen.statuses.items()) if status >= "500"]
    return ", ".join([*parts, *([f"{seen.unanswered} × no answer"] if seen.unanswered else [])])
