"""A load test while it runs: a view that renews itself each second on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from commands import ui
from loadtests import progress
from loadtests.plan import Plan, Probe
from loadtests.report import slo_text
from loadtests.result import FoundLimit

WIDTH = 36
LATEST = 5
# In a file or a CI log, one line in so many seconds of load is enough.
LINE_EVERY_S = 10
KINDS = {"alone": "one user", "saturation": "no pause", "ramp": "ramp", "probe": "probe", "sustain": "sustained"}


def heading(plan: Plan, profile: str) -> str:
    return f"{plan.platform} phase {plan.phase} in {plan.environment} ({plan.target.url}), profile {profile}"


@contextmanager
def shown(title: str, budget_s: float, limit_ms: float) -> Iterator[Callable[[progress.Progress], None]]:
    """A listener for what the load test says. `budget_s` is how long it takes at most, `limit_ms` the p95 it is measured against."""
    if not sys.stderr.isatty():
        ui.say(title)
        yield Lines()
        return
    with ui.live() as draw:
        board = Board(title, budget_s, limit_ms)

        def take(event: progress.Progress) -> None:
            board.take(event)
            draw(board.lines())

        yield take
    for text in board.latest:
        ui.say(text)


class Lines:
    """One line for each event; the seconds of a probe only now and then."""

    def __init__(self, every_s: int = LINE_EVERY_S) -> None:
        self.every_s = every_s

    def __call__(self, event: progress.Progress) -> None:
        if isinstance(event, progress.Second) and round(event.at_s) % self.every_s:
            return
        for text in told(event):
            ui.say(text, style="dim" if isinstance(event, progress.Second) and event.warming_up else None)


def told(event: progress.Progress) -> list[str]:
    """An event as lines."""
    if isinstance(event, progress.Checking):
        return [f"{event.target} answers"]
    if isinstance(event, progress.Prepared):
        slowest = ", ".join(f"{name} {ms:.0f} ms" for name, ms in event.steps[:3])
        return [f"every journey was played once ({event.seconds:.1f} s); slowest steps for one user: {slowest}"]
    if isinstance(event, progress.Started):
        return [f"{load_text(event.probe)} for {event.probe.seconds:.0f} s after {event.probe.warmup_s:g} s of warming up"]
    if isinstance(event, progress.Second):
        return [second(event)]
    if isinstance(event, progress.Probed):
        return [probed(event)]
    return [f"  {limit_text(limit)}" for limit in event.limits if limit.kind != "above"] or ["  no limit was met yet"]


def load_text(probe: Probe) -> str:
    if probe.kind == "open":
        return f"{probe.rate_per_s:.0f} requests/s"
    return "one user without a pause" if probe.users == 1 else f"{probe.users} users without a pause"


def second(event: progress.Second) -> str:
    p95 = "p95      –" if event.p95_ms is None else f"p95 {event.p95_ms:4.0f} ms"
    warm = "  warming up" if event.warming_up else ""
    return f"  {event.at_s:4.0f} s  {event.offered:5d} sent  {event.answered:5d} answered  {event.failed:4d} failed  {p95}  {event.left_s:3.0f} s left{warm}"


def probed(event: progress.Probed) -> str:
    p95 = "nothing answered" if event.p95_ms is None else f"p95 {event.p95_ms:.0f} ms"
    rate = (
        f"{event.offered_rps:.0f}/s offered, {event.achieved_rps:.0f}/s answered"
        if event.kind != "saturation"
        else f"{event.achieved_rps:.0f}/s answered"
    )
    return f"{KINDS[event.kind]} {event.name}: {rate}, {p95}, {event.failed} failed" + (
        f"; does not count: {event.why}" if event.why else ""
    )


def limit_text(limit: FoundLimit) -> str:
    beyond = {"above": " or more", "below": " or less", "band": ", a cliff"}.get(limit.kind, "")
    return f"{slo_text(limit)}: {limit.rate:.0f} requests/s{beyond} (between {limit.low:.0f} and {limit.high:.0f})"


@dataclass
class Board:
    """Everything the view shows, as lines of text; what it has not heard yet it leaves out."""

    title: str
    budget_s: float
    limit_ms: float
    begin: float = field(default_factory=time.monotonic)
    probe: Probe | None = None
    now: progress.Second | None = None
    limits: tuple[FoundLimit, ...] = ()
    latest: list[str] = field(default_factory=list)

    def take(self, event: progress.Progress) -> None:
        if isinstance(event, progress.Second):
            self.now = event
        elif isinstance(event, progress.Started):
            self.probe, self.now = event.probe, None
        elif isinstance(event, progress.Narrowed):
            self.limits = event.limits
        else:
            self.latest = [*self.latest, *told(event)][-LATEST:]

    def lines(self) -> list[str]:
        spent = time.monotonic() - self.begin
        left = max(0.0, self.budget_s - spent)
        head = [self.title, f"{ui.took(spent)} gone, {ui.took(left)} left at most", ""]
        return [*head, *self._brackets(), *self._present(), "", *self.latest]

    def _brackets(self) -> list[str]:
        """Each limit's interval on one scale, which shrinks as the search goes on."""
        if not self.limits:
            return []
        low, high = min(one.low for one in self.limits) * 0.98, max(one.high for one in self.limits) * 1.02
        return [
            f"{slo_text(one):>15} {bracket(one, low, high)} {one.rate:5.0f}/s ±{(one.high - one.low) / 2 / one.rate:.1%}"
            for one in self.limits
        ] + [""]

    def _present(self) -> list[str]:
        if self.probe is None:
            return []
        found = [f"{'load':>15} {load_text(self.probe)}"]
        if (now := self.now) is None:
            return found
        found[0] += f", {now.left_s:.0f} s left" + (", warming up" if now.warming_up else "")
        p95 = now.p95_ms or 0.0
        return [
            *found,
            f"{'p95':>15} {bar(p95 / self.limit_ms)} {p95:5.0f} of {self.limit_ms:.0f} ms",
            f"{'answered':>15} {bar(now.answered / max(now.offered, 1))} {now.answered:5d} of {now.offered} sent",
            f"{'':>15} {now.failed} failed, {now.in_flight} under way, sent up to {now.start_lag_ms:.0f} ms late",
        ]


def bar(share: float) -> str:
    """A bar whose end is 1; what is beyond shows as an arrow."""
    full = min(WIDTH, round(max(0.0, share) * WIDTH))
    return "█" * full + "·" * (WIDTH - full) + ("▶" if share > 1 else "▏")


def bracket(limit: FoundLimit, low: float, high: float) -> str:
    """The interval of a limit on a scale from `low` to `high`, with the best guess in it."""

    def at(value: float) -> int:
        return min(WIDTH - 1, max(0, int((value - low) / (high - low) * WIDTH)))

    row = ["·"] * WIDTH
    row[at(limit.low) : at(limit.high) + 1] = "━" * (at(limit.high) - at(limit.low) + 1)
    row[at(limit.rate)] = "●"
    return "".join(row) + " "
