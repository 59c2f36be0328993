"""One probe: requests leave when they are due, whatever became of those before (open), or as fast as `users` get answers (closed).

Runs in the generator's own process only.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from random import Random

import gevent

from loadtests.alarm import Alarm
from loadtests.audience import Audience
from loadtests.plan import Plan, Probe
from loadtests.progress import Second
from loadtests.recorder import UNANSWERED, Costs, Recorder, outcome_of
from loadtests.result import Measured, Stopped
from loadtests.visits import Step, Visit
from loadtests.wire import Wire

TICK_S = 1.0
LAG_EVERY_S = 0.01
# Arrivals that are overdue leave in bunches; after each, the requests get their turn.
BUNCH = 16
# Two seconds in a row in which most requests fail are an outage, not noise; a second of few requests waits for the next.
CLIFF_SHARE = 0.5
CLIFF_FEWEST = 20
CLIFF_SECONDS = 2
GIVE_UP_S = 1.0
# A queue of so many is none yet, however low the rate.
FEWEST_WAITING = 50


class Load:
    """Plays one probe. `say` gets a line of progress each second; `stop()` ends it early and keeps what was measured."""

    def __init__(self, plan: Plan, wire: Wire, audience: Audience, probe: Probe, say: Callable[[Second], None]) -> None:
        self.plan, self.wire, self.audience, self.probe, self.say = plan, wire, audience, probe, say
        self.endpoints = _endpoints(audience)
        self.index = {step.shown: at for at, step in enumerate(self.endpoints)}
        self.recorder = Recorder(probe, self.endpoints, plan.limits_ms)
        self.flying: dict[int, tuple[gevent.Greenlet, int, float, float]] = {}
        self.stopped: Stopped = ""
        self.offered = 0
        self.lags: list[float] = []
        self.random = Random(plan.seed + audience.born)  # noqa: S311 - arrival times are no secret
        self.begin = 0.0
        waiting = FEWEST_WAITING + round(probe.rate_per_s * probe.patience_s) if probe.patience_s else plan.max_in_flight
        self.most_in_flight = min(plan.max_in_flight, waiting)
        self.alarm = Alarm()

    @property
    def length_s(self) -> float:
        return self.probe.warmup_s + self.probe.seconds

    def now(self) -> float:
        return time.monotonic() - self.begin

    def stop(self) -> None:
        self.stopped = "interrupted"

    def run(self) -> Measured:
        """Play the probe to its end, wait for the last answers, and give the figures."""
        gc.collect()
        gc.disable()
        before, self.begin = _cpu_s(), time.monotonic()
        watchers = [gevent.spawn(self._tick), gevent.spawn(self._watch_lag)]
        try:
            (self._arrivals if self.probe.kind == "open" else self._closed)()
            ended = min(self.now(), self.length_s)
            self._drain()
        finally:
            gevent.killall(watchers)
            self.alarm.close()
            gc.enable()
        costs = Costs(_cpu_s() - before, self.now(), self.lags, self.plan.client_addresses)
        return self.recorder.measured(costs, ended, self.stopped)

    def _arrivals(self) -> None:
        """Poisson arrivals: exponential gaps on a schedule that never waits for an answer."""
        due = 0.0
        while not self.stopped:
            due += self.random.expovariate(self.probe.rate_per_s)
            if due >= self.length_s:
                break
            ahead = due - self.now()
            if ahead > 0:
                self.alarm.wait_until(self.begin + due)
            elif self.offered % BUNCH == 0:
                gevent.sleep(0)
            if not self.stopped:
                self._launch(due)
        if not self.stopped:
            gevent.sleep(max(0.0, self.length_s - self.now()))

    def _launch(self, due: float) -> None:
        self.offered += 1
        if len(self.flying) >= self.most_in_flight:
            self.stopped = "in-flight"
        elif self.offered > self.plan.max_requests:
            self.stopped = "requests"
        else:
            gevent.spawn(self._request, self.audience.next(), due)

    def _closed(self) -> None:
        users = [gevent.spawn(self._user) for _ in range(self.probe.users)]
        while not self.stopped and self.now() < self.length_s:
            gevent.sleep(0.05)
        gevent.joinall(users, timeout=GIVE_UP_S if self.stopped else self.plan.timeout_s)

    def _user(self) -> None:
        visit = self.audience.arrive()
        while not self.stopped and self.now() < self.length_s:
            if self.offered >= self.plan.max_requests:
                self.stopped = "requests"
                return
            self.offered += 1
            good = self._request(visit, self.now())
            if not good or visit.step is None:
                visit = self.audience.arrive()

    def _request(self, visit: Visit, due: float) -> bool:
        started = self.now()
        step = visit.step
        if step is None:
            self.audience.back(visit, content=False)
            return False
        at = self.index[step.shown]
        self.flying[id(visit)] = (gevent.getcurrent(), at, due, started)
        answer = self.wire.send(visit.call(step))
        ended = self.now()
        good = visit.answered(step, answer.outcome, answer.body, answer.header)
        outcome = outcome_of(visit, step, answer.outcome, good=good)
        self.flying.pop(id(visit), None)
        self.recorder.add(at, due, started, ended, outcome, good=good)
        if self.probe.kind == "open":
            self.audience.back(visit, content=good)
        return good

    def _drain(self) -> None:
        """Wait for answers as long as a user would; what has not come by then never came."""
        patience = GIVE_UP_S if self.stopped else self.plan.timeout_s
        until = self.now() + patience
        while self.flying and self.now() < until and not (self.stopped == "interrupted" and patience > GIVE_UP_S):
            gevent.sleep(0.01)
        left = list(self.flying.values())
        gevent.killall([greenlet for greenlet, *_ in left], block=False)
        for _, at, due, started in left:
            self.recorder.add(at, due, started, self.now(), UNANSWERED, good=False)
        self.flying.clear()

    def _watch_lag(self) -> None:
        while True:
            wanted = time.monotonic() + LAG_EVERY_S
            gevent.sleep(LAG_EVERY_S)
            self.lags.append(max(0.0, time.monotonic() - wanted))

    def _tick(self) -> None:
        """One line each second; an outage that lasts ends the probe."""
        seen = offered = failing = answered = failed = 0
        cpu = _cpu_s()
        while True:
            gevent.sleep(max(0.0, TICK_S - self.now() % TICK_S))
            line, spent = self._second(seen, offered), _cpu_s()
            self.say(line.model_copy(update={"cpu_share": round((spent - cpu) / TICK_S, 3)}))
            seen, offered, cpu = len(self.recorder), self.offered, spent
            answered, failed = answered + line.answered, failed + line.failed
            if answered >= CLIFF_FEWEST:
                failing = failing + 1 if failed > CLIFF_SHARE * answered else 0
                answered = failed = 0
            if failing >= CLIFF_SECONDS and not self.stopped:
                self.stopped = "errors"

    def _second(self, seen: int, offered: int) -> Second:
        rows = range(seen, len(self.recorder))
        took = sorted(self.recorder.took[row] for row in rows)
        at = self.now()
        return Second(
            probe=self.probe.name, at_s=round(at, 1), left_s=round(max(0.0, self.length_s - at), 1), warming_up=at < self.probe.warmup_s,
            offered=self.offered - offered, answered=len(rows), failed=sum(1 for row in rows if not self.recorder.good[row]),
            p95_ms=round(took[int(len(took) * 0.95)] * 1000, 1) if took else None, in_flight=len(self.flying),
            start_lag_ms=round(max((self.recorder.lag[row] for row in rows), default=0.0) * 1000, 1), cpu_share=0.0,
        )  # fmt: skip


def _endpoints(audience: Audience) -> list[Step]:
    found: dict[str, Step] = {}
    for steps in audience.steps.values():
        for step in steps:
            found.setdefault(step.shown, step)
    return list(found.values())


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
