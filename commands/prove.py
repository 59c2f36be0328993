"""`--prove`: steady traffic around an operation, and one line that says what it noticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from commands import ui
from errors import GateRefused

if TYPE_CHECKING:
    from loadtests.result import Measured, Polls, Steady

# Enough to meet a gap of a tenth of a second, little enough to be no load.
RATE = 50.0


@contextmanager
def around(platform: str, phase: int | None, environment: str, *, wanted: bool) -> Iterator[None]:
    """Play the platform's journeys, and hold its long poll open, while the block runs.

    Raises GateRefused (3) when a request or a long poll failed, after the block is done. `phase` is the one that is live before;
    None: nothing serves yet, so there is nothing to lose, and that is said.
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
    judge(seen)


def judge(seen: Steady) -> None:
    """Raises GateRefused that says how many failed, and how."""
    found = [
        *([(f"{seen.measured.failed:,} of {seen.measured.requests:,} requests", reasons(seen.measured))] if seen.measured and seen.measured.failed else []),
        *([(f"{seen.polls.failed} of {_asked(seen.polls)} long polls", poll_reasons(seen.polls))] if seen.polls and seen.polls.failed else []),
    ]  # fmt: skip
    if found:
        failed, why = zip(*found, strict=True)
        raise GateRefused(f"{' and '.join(failed)} failed meanwhile", why="; ".join(filter(None, why)), hint="cmctl status; cmctl logs")


def line(seen: Steady) -> str:
    """`--prove: 1,234 requests, 0 failed, worst latency 87 ms, p99 31 ms; 6 long polls, 0 failed`."""
    one = seen.measured
    if one is None or one.latency is None:
        said = "the load generator has no figures"
    else:
        slowest = f"worst latency {one.latency.max_ms:.0f} ms, p99 {one.latency.p99_ms:.0f} ms"
        said = f"{one.requests:,} requests, {one.failed:,} failed, {slowest}"
    return f"--prove: {said}{_polls(seen.polls)}"


def _polls(polls: Polls | None) -> str:
    if polls is None:
        return ""
    many = _asked(polls)
    return f"; {many} long poll{'' if many == 1 else 's'}, {polls.failed} failed{', the last still held' if polls.held else ''}"


def _asked(polls: Polls) -> int:
    return polls.answered + polls.failed + polls.held


def reasons(seen: Measured) -> str:
    """What the failed ones were answered: statuses, and those without any answer."""
    parts = [f"{count} × {status}" for status, count in sorted(seen.statuses.items()) if status >= "500"]
    return ", ".join([*parts, *([f"{seen.unanswered} × no answer"] if seen.unanswered else [])])


def poll_reasons(polls: Polls) -> str:
    return ", ".join(f"{count} × {reason}" for reason, count in sorted(polls.reasons.items()))
