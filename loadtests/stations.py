"""Services of known behaviour, as arithmetic: when does a request that arrives now leave, and is it refused. Pure and seeded.

The reference services of the self-test answer by these, and simulations of the same stations give the truth they are
measured against. Times are seconds.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

KINDS = ("mmc", "fixed", "stall", "cliff", "errors", "retrograde")


@dataclass(frozen=True)
class Departure:
    """When the answer is complete, and whether it is a good one."""

    at: float
    good: bool = True


class Station(Protocol):
    def arrive(self, now: float) -> Departure:
        """A request arrives; arrivals come in order."""
        ...


@dataclass
class Queue:
    """`servers` that work on one request each, in order of arrival. `work` draws a service time."""

    servers: int
    work: Callable[[], float]

    def __post_init__(self) -> None:
        self._free = [0.0] * self.servers

    def arrive(self, now: float) -> Departure:
        done = max(now, heapq.heappop(self._free)) + self.work()
        heapq.heappush(self._free, done)
        return Departure(done)


@dataclass
class Stalling:
    """A queue whose servers all stand still for `stall_s` at the end of every `every_s`."""

    servers: int
    work_s: float
    every_s: float
    stall_s: float

    def __post_init__(self) -> None:
        self._free = [0.0] * self.servers

    def arrive(self, now: float) -> Departure:
        done = self._through(max(now, heapq.heappop(self._free)), self.work_s)
        heapq.heappush(self._free, done)
        return Departure(done)

    def _through(self, start: float, work: float) -> float:
        moving = self.every_s - self.stall_s
        while True:
            cycle = math.floor(start / self.every_s) * self.every_s
            if start - cycle >= moving:
                start = cycle + self.every_s
                continue
            left = cycle + moving - start
            if work <= left:
                return start + work
            start, work = cycle + self.every_s, work - left


@dataclass
class Cliff:
    """A queue that refuses whatever comes while `most` requests are inside."""

    servers: int
    work: Callable[[], float]
    most: int

    def __post_init__(self) -> None:
        self._inside: list[float] = []
        self._queue = Queue(self.servers, self.work)

    def arrive(self, now: float) -> Departure:
        while self._inside and self._inside[0] <= now:
            heapq.heappop(self._inside)
        if len(self._inside) >= self.most:
            return Departure(now, good=False)
        leaves = self._queue.arrive(now)
        heapq.heappush(self._inside, leaves.at)
        return leaves


@dataclass
class ErrorRamp:
    """A quick queue whose share of errors grows with the rate: none up to `clean_rps`, then 1 % per further 10 %."""

    servers: int
    work: Callable[[], float]
    clean_rps: float
    random: Random

    def __post_init__(self) -> None:
        self._queue = Queue(self.servers, self.work)
        self._rate = 0.0
        self._last = 0.0

    def arrive(self, now: float) -> Departure:
        # An average of the rate over about a second.
        gap, self._last = now - self._last, now
        self._rate = self._rate * math.exp(-gap) + 1
        share = max(0.0, 0.1 * (self._rate / self.clean_rps - 1))
        leaves = self._queue.arrive(now)
        return Departure(leaves.at, good=self.random.random() >= share)


@dataclass
class Retrograde:
    """Work grows with the number inside (coherency, USL κ > 0): past its peak, more load means less throughput."""

    servers: int
    work: Callable[[], float]
    kappa: float
    inside: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._free = [0.0] * self.servers

    def arrive(self, now: float) -> Departure:
        while self.inside and self.inside[0] <= now:
            heapq.heappop(self.inside)
        work = self.work() * (1 + self.kappa * len(self.inside))
        done = max(now, heapq.heappop(self._free)) + work
        heapq.heappush(self._free, done)
        heapq.heappush(self.inside, done)
        return Departure(done)


def exponential(mean_s: float, random: Random) -> Callable[[], float]:
    return lambda: random.expovariate(1 / mean_s)


def station(kind: str, seed: int = 1, servers: int = 8, work_s: float = 0.02) -> Station:
    """The reference station of a kind. Raises KeyError for an unknown one."""
    random = Random(seed)  # noqa: S311 - service times are no secret
    work = exponential(work_s, random)
    made: dict[str, Callable[[], Station]] = {
        "mmc": lambda: Queue(servers, work),
        "fixed": lambda: Queue(servers, lambda: work_s),
        "stall": lambda: Stalling(servers, work_s, every_s=5.0, stall_s=0.6),
        "cliff": lambda: Cliff(servers, lambda: work_s, most=3 * servers),
        "errors": lambda: ErrorRamp(servers, work, clean_rps=0.6 * servers / work_s, random=random),
        "retrograde": lambda: Retrograde(servers, work, kappa=0.004),
    }
    return made[kind]()


def simulate(place: Station, rate_per_s: float, seconds: float, random: Random, warmup_s: float = 0.0) -> Sequence[tuple[float, bool]]:
    """(response time, good) of Poisson arrivals at a rate, after the warm-up: the open-loop truth."""
    now, found = 0.0, []
    while now < warmup_s + seconds:
        now += random.expovariate(rate_per_s)
        leaves = place.arrive(now)
        if now >= warmup_s:
            found.append((leaves.at - now, leaves.good))
    return found


def queue_limit(servers: int, work_s: float, limit_s: float, share: float) -> float:
    """The arrival rate at which a `share` of an M/M/c queue's requests take longer than `limit_s`: exact, by Erlang-C."""
    return _root(lambda rate: _slower(servers, 1 / work_s, rate, limit_s) - share, 1e-9, servers / work_s * (1 - 1e-9))


def simulated_limit(make: Callable[[], Station], top: float, share: float, limit_s: float | None, seconds: float = 400.0) -> float:
    """The rate at which a `share` of a station's requests is late (or fails, without `limit_s`), by simulation up to `top`."""

    def excess(rate: float) -> float:
        found = simulate(make(), rate, seconds, Random(11), warmup_s=10.0)  # noqa: S311 - arrivals are no secret
        bad = sum(not good or (limit_s is not None and spent > limit_s) for spent, good in found)
        return bad / max(len(found), 1) - share

    return _root(excess, top / 1000, top, steps=14)


def _root(function: Callable[[float], float], low: float, high: float, steps: int = 100) -> float:
    """Where a growing function crosses zero; `low` when it is above zero everywhere."""
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def _slower(servers: int, rate_of_one: float, arrivals: float, limit_s: float) -> float:
    """P(time in an M/M/c queue > limit): an exponential service after a wait that is zero or exponential."""
    load = arrivals / rate_of_one
    busy = load**servers / math.factorial(servers) * servers / (servers - load)
    waits = busy / (sum(load**count / math.factorial(count) for count in range(servers)) + busy)
    drain = servers * rate_of_one - arrivals
    if abs(drain - rate_of_one) < 1e-6:
        drain += 2e-6
    served, waited = math.exp(-rate_of_one * limit_s), math.exp(-drain * limit_s)
    return (1 - waits) * served + waits * (drain * served - rate_of_one * waited) / (drain - rate_of_one)
