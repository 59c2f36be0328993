"""A step is one request as data; a visit is one user on the way through a journey. No sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from loadtests.cookies import Jar


@dataclass(frozen=True)
class Call:
    """One request, ready to send. `body` is its content or empty."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Reply(NamedTuple):
    """What is read of an answer only where it is needed: its content, and the values of a header by name."""

    body: Callable[[], bytes]
    headers: Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Step:
    """One request of a journey.

    `expects` are the statuses of a good answer. Of a built-in step, `keep` takes what later steps need out of the answer's
    JSON and `reads` are the names that the request is made of; of a platform's own, `fill` gives path, headers and content,
    and `take` says what an answer lacks. `gives` are the names of what is taken. A step whose `needs` the visit has no value
    for is left out, as a person would. One that `stays` is not content with a redirect to another host. `label` is its name in reports.
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
    fill: Callable[[Visit], tuple[str, dict[str, str], bytes]] | None = None
    take: Callable[[Visit, Reply], str] | None = None
    stays: bool = False
    label: str = ""
    own: bool = False

    @property
    def wants(self) -> tuple[str, ...]:
        """Names that a step before it has to find."""
        return (*self.reads, *self.needs, *(("token",) if self.signed_in else ()))

    @property
    def shown(self) -> str:
        """What reports call it: it names no user's values."""
        return self.label or self.name


def none_of(_: str) -> Sequence[str]:
    return ()


@dataclass
class Visit:
    """One user on `site` (scheme and host): what was learnt so far stands in `values`, `at` is the index of the next step.

    `drawn` are the values that its last request alone had. After an answer that was not good, `why` says what it lacks, and
    `left` names the other host that it led to, if that was it.
    """

    journey: str
    steps: tuple[Step, ...]
    random: Random
    values: dict[str, Any] = field(default_factory=dict)
    address: str = ""
    at: int = 0
    site: str = ""
    why: str = ""
    left: str = ""

    def __post_init__(self) -> None:
        self.jar = Jar(self.site)
        self.drawn: dict[str, Any] = {}
        self._asked = "/"

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
        path, body = step.path, b""
        if step.fill is not None:
            path, given, body = step.fill(self)
            headers = {name: value for name, value in headers.items() if name.lower() not in set(map(str.lower, given))} | given
        else:
            if step.signed_in:
                headers["Authorization"] = f"Bearer {self.values.get('token', '')}"
            if step.body is not None:
                headers["Content-Type"] = "application/json"
                body = json.dumps(step.body(self)).encode()
        self._asked = path
        if self.jar and (cookies := self.jar.header(path)) and not any(name.lower() == "cookie" for name in headers):
            headers["Cookie"] = cookies
        return Call(step.method, path, headers, body)

    def answered(self, step: Step, status: int, body: Callable[[], bytes], headers: Callable[[str], Sequence[str]] = none_of) -> bool:
        """Take the answer and move on. False when it is not what the step expects; `body` is read only where it is needed."""
        self.at += 1
        if set_here := headers("set-cookie"):
            self.jar.take(set_here, self._asked)
        self.left = self._elsewhere(headers) if step.stays and 300 <= status < 400 else ""
        self.why = f"it leads to another host, {self.left}" if self.left else ""
        if status not in step.expects or self.left:
            return False
        if step.take is not None:
            self.why = step.take(self, Reply(body, headers))
        elif step.keep is not None:
            try:
                step.keep(self, json.loads(body()))
            except (ValueError, KeyError, TypeError, IndexError, RecursionError):
                return False
        return not self.why

    def here(self, address: str) -> str:
        """An address on this site as its path; any other text as it is."""
        parts = _parts(address)
        if not parts or not parts[0] or parts[0] != urlsplit(self.site).hostname:
            return address
        return parts[1]

    def _elsewhere(self, headers: Callable[[str], Sequence[str]]) -> str:
        """The host that an answer leads to, where it is another one."""
        host = next((found[0] for one in headers("location") if (found := _parts(one))), "")
        return "" if host == urlsplit(self.site).hostname else host


def _parts(address: str) -> tuple[str, str] | None:
    """Host (empty for none) and path with query of a URL; None for what is none."""
    try:
        parts = urlsplit(address)
        return parts.hostname or "", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    except ValueError:
        return None
