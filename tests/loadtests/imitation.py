"""A measured probe without sockets and without waiting: a station plays the service, a seeded simulation plays the users."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from loadtests.journeys import step
from loadtests.plan import Plan, Probe, Target
from loadtests.recorder import UNANSWERED, Costs, Recorder
from loadtests.result import Measured
from loadtests.stations import Station
from phases.model import Journey, Slo

HIT = {"hit": Journey(weight=1, steps=("GET /",), think_s=(4.0, 6.0))}


def plan(*limits_ms: float, error_ratio: float = 0.001) -> Plan:
    limits = limits_ms or (200.0,)
    slos = {number: Slo(p95_ms=round(limit), error_ratio=error_ratio, availability=0.99) for number, limit in enumerate(limits, 1)}
    return Plan(
        run="0123abcd", platform="imitation", phase=1, environment="local", production=False, target=Target(url="http://localhost:1"),
        journeys=HIT, slo=slos[1], slos=slos, limits_ms=limits, accounts=0, probes=(),
    )  # fmt: skip


class Service:
    """`make(seed)` gives a fresh station for every probe. `lag_s` makes the generator late. `clock` tells simulated seconds."""

    def __init__(self, asked: Plan, make: Callable[[int], Station], seed: int = 1, lag_s: float = 0.0001) -> None:
        self.plan, self.make, self.seed, self.lag_s = asked, make, seed, lag_s
        self.clock = 0.0
        self.played: list[Probe] = []

    def now(self) -> float:
        return self.clock

    def measure(self, probe: Probe) -> Measured:
        self.played.append(probe)
        self.seed += 1
        record = Recorder(probe, [step("GET /")], self.plan.limits_ms)
        ended, stopped = (self._open if probe.kind == "open" else self._closed)(probe, record)
        self.clock += ended + 0.3
        return record.measured(Costs(0.02 * ended, ended, [self.lag_s] * 100, 1000), ended, stopped)

    def _open(self, probe: Probe, record: Recorder) -> tuple[float, str]:
        place, random, length = self.make(self.seed), Random(7 * self.seed + 1), probe.warmup_s + probe.seconds
        most = 50 + probe.rate_per_s * (probe.patience_s or 1e9)
        inside: list[float] = []
        now = 0.0
        while True:
            now += random.expovariate(probe.rate_per_s)
            if now >= length:
                return length, ""
            while inside and inside[0] <= now:
                heapq.heappop(inside)
            if len(inside) >= most:
                self._give_up(record, inside, now)
                return now, "in-flight"
            leaves = place.arrive(now)
            heapq.heappush(inside, leaves.at)
            record.add(0, now, now + self.lag_s, leaves.at, 200 if leaves.good else 503, good=leaves.good)

    def _give_up(self, record: Recorder, inside: list[float], now: float) -> None:
        """Who is still inside a second after the end never gets an answer."""
        for row in range(len(record)):
            if record.due[row] + record.took[row] > now + 1:
                record.good[row], record.outcome[row], record.took[row] = 0, UNANSWERED, now + 1 - record.due[row]

    def _closed(self, probe: Probe, record: Recorder) -> tuple[float, str]:
        place, length = self.make(self.seed), probe.warmup_s + probe.seconds
        users = [0.0] * probe.users
        while users[0] < length:
            now = heapq.heappop(users)
            leaves = place.arrive(now)
            # A refused user comes again after a millisecond of network.
            again = max(leaves.at, now + 0.001)
            record.add(0, now, now, again, 200 if leaves.good else 503, good=leaves.good)
            heapq.heappush(users, again)
        return length, ""
