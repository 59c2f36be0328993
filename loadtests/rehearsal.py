"""Before any load: one user plays every journey once, and the accounts of returning users are made."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

from loadtests import journeys as catalogue
from loadtests.audience import Audience
from loadtests.plan import Plan
from loadtests.progress import Prepared, Refusal
from loadtests.recorder import outcome_of, word
from loadtests.visits import Step, Visit
from loadtests.wire import Answer, Wire

ANSWER_CHARACTERS, READ_CHARACTERS = 300, 100_000
# So many statuses are told as a range.
MANY = 20
# What an answer calls a secret of its own, and so lets somebody in.
SESSIONS = re.compile(r'("[^"]*(?:token|secret|password|session|jwt)[^"]*"\s*:\s*")[^"]+', re.IGNORECASE)
# What is shorter is no secret, and stands in many a word.
SHORTEST = 4
# Without addresses of their own, accounts come from one client, which may log in once a second.
ALONE_ACCOUNTS = 3
ALONE_PAUSE_S = 1.0
# Recovered: at most this much slower than before, apart from noise.
SLOWER = 2.0
TOLERANCE_S = 0.1
RECOVERY_PAUSE_S = 0.25


class Failed(Exception):
    """A step was not answered as it should be."""

    def __init__(self, visit: Visit, step: Step, answer: Answer, hidden: Mapping[str, str]) -> None:
        super().__init__(step.name)
        outcome = outcome_of(visit, step, answer.outcome, good=False)
        said = _without(hidden, answer.body()[:READ_CHARACTERS].decode("utf-8", "replace"))[:ANSWER_CHARACTERS]
        self.refusal = Refusal(
            kind="journey",
            what=f"journey {visit.journey} fails before any load, at its step {step.name}: {step.method} {step.path} answered {word(outcome)}",
            why=f"expected {_expected(step)}{_lacking(visit)}" + (f"; the answer was: {said}" if said else ""),
        )


def _expected(step: Step) -> str:
    known = sorted(step.expects)
    statuses = f"a status from {known[0]} to {known[-1]}" if len(known) > MANY else " or ".join(map(str, known))
    return f"{statuses} with {', '.join(step.gives)} in its JSON" if step.gives and not step.own else statuses


def _lacking(visit: Visit) -> str:
    """What the answer lacks, and how a redirect can be meant."""
    if visit.left:
        return f", but {visit.why}: load that one (--url), or name the redirect as what a step of yours expects"
    return f", but {visit.why}" if visit.why else ""


def _without(hidden: Mapping[str, str], said: str) -> str:
    """The answer with names in place of the values that were given: a service may say again what it was told. What lets somebody in is
    left out too.
    """
    for name, value in hidden.items():
        if len(value) >= SHORTEST:
            for written in (
                value,
                json.dumps(value)[1:-1],
                json.dumps(value, ensure_ascii=False)[1:-1],
                quote(value, ""),
                quote_plus(value),
            ):
                said = said.replace(written, f"{{{name}}}")
    return SESSIONS.sub(r"\1…", said)


def rehearse(plan: Plan, wire: Wire, audience: Audience, pause: Callable[[float], None]) -> Prepared:
    """Raises Failed at the first step that is not answered as it should be."""
    start = time.perf_counter()
    audience.accounts = _accounts(plan, wire, audience, pause)
    slowest: dict[str, float] = {}
    for name in audience.journeys:
        visit = audience.arrive(name)
        while (step := visit.step) is not None:
            spent = _play(wire, visit, step, plan.variables)
            slowest[step.shown] = max(spent, slowest.get(step.shown, 0.0))
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
        _play(wire, visit, catalogue.CATALOGUE["register"], plan.variables)
        made.append((visit.values["email"], visit.values["password"]))
        audience.back(visit, content=False)
        if not plan.client_addresses:
            pause(ALONE_PAUSE_S)
    return made


def _play(wire: Wire, visit: Visit, step: Step, hidden: Mapping[str, str] | None = None) -> float:
    """Milliseconds that the answer took; values of `hidden` are not shown when it fails."""
    start = time.perf_counter()
    answer = wire.send_alone(visit.call(step))
    spent = (time.perf_counter() - start) * 1000
    if not visit.answered(step, answer.outcome, answer.body, answer.header):
        raise Failed(visit, step, answer, hidden or {})
    return round(spent, 1)
