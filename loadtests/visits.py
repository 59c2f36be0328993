"""A step is one request as data; a visit is one user on the way through a journey. Pure: no sockets, no clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any


@dataclass(frozen=True)
class Call:
    """One request, ready to send. `body` is JSON text or empty."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Step:
    """One request of a journey.

    `path` may name values of the visit in braces. `expects` are the statuses of a good answer. `keep` takes what later
    steps need out of the answer's JSON and `gives` the names of it; `reads` are the names that the request is made of. A step
    whose `needs` the visit has no value for is left out, as a person would.
    """

    name: str
    method: str
    path: str
    expects: frozenset[int]
    body: Callable[[Visit], Mapping[str, Any]] | None = None
    keep: Callable[[Visit, Any], None] | None = None
    signed_in: bool = False
    needs: tuple[str, ...] = ()
    account: bool = False
    variables: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()

    @property
    def wants(self) -> tuple[str, ...]:
        """Names that a step before it has to find."""
        return (*self.reads, *self.needs, *(("token",) if self.signed_in else ()))


@dataclass
class Visit:
    """One user: what was learnt so far stands in `values`, `at` is the index of the next step."""

    journey: str
    steps: tuple[Step, ...]
    random: Random
    values: dict[str, Any] = field(default_factory=dict)
    address: str = ""
    at: int = 0

    @property
    def step(self) -> Step | None:
        """The next step that can be played; None at the journey's end."""
        while self.at < len(self.steps) and any(name not in self.values for name in self.steps[self.at].needs):
            self.at += 1
        return self.steps[self.at] if self.at < len(self.steps) else None

    def call(self, step: Step) -> Call:
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip"}
        if self.address:
            headers["X-Forwarded-For"] = self.address
        if step.signed_in:
            headers["Authorization"] = f"Bearer {self.values.get('token', '')}"
        path = step.path.format_map(self.values) if "{" in step.path else step.path
        if step.body is None:
            return Call(step.method, path, headers)
        headers["Content-Type"] = "application/json"
        return Call(step.method, path, headers, json.dumps(step.body(self)).encode())

    def answered(self, step: Step, status: int, body: Callable[[], bytes]) -> bool:
        """Take the answer and move on. False when it is not what the step expects; `body` is read only where it is needed."""
        self.at += 1
        if status not in step.expects:
            return False
        if step.keep is None:
            return True
        try:
            step.keep(self, json.loads(body()))
        except (ValueError, KeyError, TypeError, IndexError):
            return False
        return True
