"""Before any load: one user plays every journey once, and the accounts of returning users are made."""

from __future__ import annotations

import time
from collections.abc import Callable

from loadtests import journeys as catalogue
from loadtests.audience import Audience
from loadtests.plan import Plan
from loadtests.progress import Prepared, Refusal
from loadtests.recorder import UNEXPECTED, word
from loadtests.visits import Step, Visit
from loadtests.wire import Answer, Wire

ANSWER_CHARACTERS = 300
# Without addresses of their own, accounts come from one client, which may log in once a second.
ALONE_ACCOUNTS = 3
ALONE_PAUSE_S = 1.0
# Recovered: at most this much slower than before, apart from noise.
SLOWER = 2.0
TOLERANCE_S = 0.1
RECOVERY_PAUSE_S = 0.25


class Failed(Exception):
    """A step was not answered as it should be."""

    def __init__(self, visit: Visit, step: Step, answer: Answer) -> None:
        super().__init__(step.name)
        outcome = answer.outcome + UNEXPECTED if answer.outcome in step.expects else answer.outcome
        said = answer.body()[:ANSWER_CHARACTERS].decode("utf-8", "replace")
        self.refusal = Refusal(
            kind="journey",
            what=f"journey {visit.journey} fails before any load, at its step {step.name}: {step.method} {step.path} answered {word(outcome)}",
            why=f"expected {_expected(step)}" + (f"; the answer was: {said}" if said else ""),
        )


def _expected(step: Step) -> str:
    statuses = "a status from 200 to 399" if step.expects == catalogue.ANY_GOOD else " or ".join(str(one) for one in sorted(step.expects))
    return f"{statuses} with {', '.join(step.gives)} in its JSON" if step.gives else statuses


def rehearse(plan: Plan, wire: Wire, audience: Audience, pause: Callable[[float], None]) -> Prepared:
    """Raises Failed at the first step that is not answered as it should be."""
    start = time.perf_counter()
    audience.accounts = _accounts(plan, wire, audience, pause)
    slowest: dict[str, float] = {}
    for name in audience.journeys:
        visit = audience.arrive(name)
        while (step := visit.step) is not None:
            spent = _play(wire, visit, step)
            slowest[step.name] = max(spent, slowest.get(step.name, 0.0))
        audience.back(visit, content=False)
    steps = tuple(sorted(slowest.items(), key=lambda pair: -pair[1]))
    return Prepared(
        journeys=tuple(audience.journeys), steps=steps, accounts=len(audience.accounts), seconds=round(time.perf_counter() - start, 2)
    )


def play_all(wire: Wire, audience: Audience) -> float | None:
    """Seconds that one user needs for every journey; None when a step fails."""
    start = time.perf_counter()
    try:
        for name in audience.journeys:
            visit = audience.arrive(name)
            while (step := visit.step) is not None:
                _play(wire, visit, step)
            audience.back(visit, content=False)
    except Failed:
        return None
    return time.perf_counter() - start


def recover(wire: Wire, audience: Audience, usual_s: float, at_most_s: float, pause: Callable[[float], None]) -> float:
    """Wait until one user is served about as quickly as before the load; seconds that this took."""
    start = time.perf_counter()
    while (waited := time.perf_counter() - start) < at_most_s:
        spent = play_all(wire, audience)
        if spent is not None and spent <= SLOWER * usual_s + TOLERANCE_S:
            return round(waited, 2)
        pause(RECOVERY_PAUSE_S)
    return at_most_s


def _accounts(plan: Plan, wire: Wire, audience: Audience, pause: Callable[[float], None]) -> list[tuple[str, str]]:
    wanted = plan.accounts if plan.client_addresses else min(plan.accounts, ALONE_ACCOUNTS)
    made = []
    for _ in range(wanted):
        visit = audience.arrive()
        visit.values.update(audience.newcomer())
        _play(wire, visit, catalogue.step("register"))
        made.append((visit.values["email"], visit.values["password"]))
        audience.back(visit, content=False)
        if not plan.client_addresses:
            pause(ALONE_PAUSE_S)
    return made


def _play(wire: Wire, visit: Visit, step: Step) -> float:
    """Milliseconds that the answer took."""
    start = time.perf_counter()
    answer = wire.send_alone(visit.call(step))
    spent = (time.perf_counter() - start) * 1000
    if not visit.answered(step, answer.outcome, answer.body):
        raise Failed(visit, step, answer)
    return round(spent, 1)
