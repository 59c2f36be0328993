"""Who makes the next request: the users that are on their way, and when a new one comes. Pure and seeded.

A server sees many users who think; the generator sees a rate. Arrivals at that rate are handed to users who have had
their last answer, at random, or to a new user. About half a second's worth of users is kept on the way, so that the mix
of steps is that of the journeys within seconds, whatever their think times (users = X·(R+Z) is worked out afterwards).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random
from typing import Any

from loadtests import journeys as catalogue
from loadtests.visits import Step, Visit
from phases.model import Journey
from phases.steps import Request

FIRST_ADDRESS = IPv4Address("198.18.0.0")
PATIENCE_S = 0.5
FEWEST = 16


@dataclass
class Audience:
    """`size` users are kept on the way; `accounts` are (email, password) pairs that exist; this is `part` of `parts` processes.

    `own` are the platform's own steps, `site` is scheme and host of what is loaded.
    """

    journeys: Mapping[str, Journey]
    size: int
    random: Random
    run: str
    part: int = 0
    parts: int = 1
    addresses: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    accounts: Sequence[tuple[str, str]] = ()
    on_the_way: int = 0
    born: int = 0
    own: Mapping[str, Request] = field(default_factory=dict)
    site: str = ""

    def __post_init__(self) -> None:
        self._names = list(self.journeys)
        self._weights = [self.journeys[name].weight for name in self._names]
        self.steps: dict[str, tuple[Step, ...]] = {name: catalogue.steps(journey, self.own) for name, journey in self.journeys.items()}
        self._returning = {name for name, steps in self.steps.items() if any(step.account for step in steps)}
        self._ready: list[Visit] = []
        self._birth = 1 / catalogue.mean_requests(self.journeys)

    def next(self) -> Visit:
        """Whose request comes now. Never waits: when everybody waits for an answer, somebody new comes."""
        full = self.on_the_way >= self.size
        if not self._ready or (not full and (self.on_the_way < self.size / 2 or self.random.random() < self._birth)):
            return self.arrive()
        at = self.random.randrange(len(self._ready))
        self._ready[at], self._ready[-1] = self._ready[-1], self._ready[at]
        return self._ready.pop()

    def arrive(self, journey: str = "") -> Visit:
        """A new user, on a journey drawn by weight or the one named."""
        self.on_the_way += 1
        self.born += 1
        chosen = journey or self.random.choices(self._names, self._weights)[0]
        return Visit(chosen, self.steps[chosen], self.random, self._values(chosen), self._address(), site=self.site)

    def back(self, visit: Visit, *, content: bool) -> None:
        """An answer came: who got what was expected and has steps left goes on, others leave."""
        if content and visit.step is not None:
            self._ready.append(visit)
        else:
            self.on_the_way -= 1

    def _values(self, journey: str) -> dict[str, Any]:
        """What was given goes before what everybody has."""
        known = self.newcomer()
        if journey in self._returning and self.accounts:
            known["email"], known["password"] = self.random.choice(self.accounts)
        return {**known, **self.variables}

    def newcomer(self) -> dict[str, Any]:
        """An address and a password that nobody has yet, and a number; the domain is reserved, so no mail can leave."""
        return {
            "email": f"load-{self.run}-{self.part}-{self.born}@example.invalid", "password": f"load-{self.run}", "run": self.run,
            "user": self.born * self.parts + self.part,
        }  # fmt: skip

    def _address(self) -> str:
        return str(FIRST_ADDRESS + (self.born * self.parts + self.part) % self.addresses) if self.addresses else ""


def size_for(rate_per_s: float) -> int:
    return max(FEWEST, round(rate_per_s * PATIENCE_S))
