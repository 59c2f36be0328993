"""A platform's own steps: from the request that its file describes to the step that a visit plays. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from loadtests import filling
from loadtests.visits import Reply, Step, Visit
from phases.steps import Request

GOOD = frozenset(range(200, 300))
# What every user has, and what is drawn anew for every request that asks for it.
PER_USER = ("email", "password", "run", "user")
DRAWN: Mapping[str, Callable[[Random], Any]] = {
    "random": lambda random: random.randrange(1_000_000),
    "uuid": lambda random: str(UUID(int=random.getrandbits(128), version=4)),
}
JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain; charset=utf-8"


def own_steps(requests: Mapping[str, Request]) -> dict[str, Step]:
    """The steps of a platform by name. In reports they are called by method and path; where two share both, with their names behind."""
    lines = [f"{one.method} {one.path}" for one in requests.values()]
    found = {}
    for (name, request), line in zip(requests.items(), lines, strict=True):
        found[name] = step(name, request, line if lines.count(line) == 1 else f"{line} ({name})")
    return found


def step(name: str, request: Request, label: str) -> Step:
    reads = names_in(request)
    bare = not reads and request.data is None and request.form is None and request.body is None and not request.headers
    return Step(
        name, request.method, filling.path(request.path, {}) if bare else request.path, frozenset(request.expect) if request.expect else GOOD, label=label,
        fill=None if bare else lambda visit: _filled(request, reads, visit),
        take=_taking(request) if request.contains or request.keep else None,
        needs=tuple(sorted(reads - {*DRAWN, *PER_USER})), gives=tuple(request.keep), own=True,
    )  # fmt: skip


def names_in(request: Request) -> frozenset[str]:
    """The values that a request is made of, and those that its answer is held against."""
    parts: list[JsonValue] = [request.path, request.data, request.body, request.contains, *request.headers.values()]
    fields = [text for pair in (request.form or {}).items() for text in pair]
    return frozenset().union(*map(filling.names, [*parts, *fields]))


def _values(reads: frozenset[str], visit: Visit) -> Mapping[str, Any]:
    """The visit's values with fresh ones for what is drawn; who gave or kept a value of such a name gets that."""
    visit.drawn = {name: draw(visit.random) for name, draw in DRAWN.items() if name in reads and name not in visit.values}
    return {**visit.values, **visit.drawn} if visit.drawn else visit.values


def _filled(request: Request, reads: frozenset[str], visit: Visit) -> tuple[str, dict[str, str], bytes]:
    """Path, headers and content of one request."""
    values = _values(reads, visit)
    content, kind = _content(request, values)
    headers = {name: filling.header(template, values) for name, template in request.headers.items()}
    if kind and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = kind
    return filling.path(request.path, values), headers, content


def _content(request: Request, values: Mapping[str, Any]) -> tuple[bytes, str]:
    if request.data is not None:
        return json.dumps(filling.content(request.data, values)).encode(), JSON
    if request.form is not None:
        return filling.form(request.form, values), FORM
    return (filling.text(request.body, values).encode(), TEXT) if request.body is not None else (b"", "")


def _taking(request: Request) -> Callable[[Visit, Reply], str]:
    """Looks for what an answer has to hold and takes what later steps need. Says what is not there; empty when all is."""
    places = {name: place.split(".") for name, place in request.keep.items() if not place.startswith(("header:", "cookie:"))}

    def take(visit: Visit, reply: Reply) -> str:
        body = reply.body() if request.contains or places else b""
        if request.contains and filling.text(request.contains, {**visit.values, **visit.drawn}).encode() not in body:
            return f"its answer does not contain {request.contains!r}"
        lacking = [*_outside(request, visit, reply), *(_within(places, visit, body) if places else ())]
        return f"its answer has no {' and no '.join(lacking)}" if lacking else ""

    return take


def _outside(request: Request, visit: Visit, reply: Reply) -> list[str]:
    """Takes headers and cookies; returns what is not there."""
    lacking = []
    for name, place in request.keep.items():
        kind, _, wanted = place.partition(":")
        if kind not in ("header", "cookie") or not wanted:
            continue
        found = next(iter(reply.headers(wanted)), None) if kind == "header" else visit.jar.value(wanted)
        if found is None:
            lacking.append(f"{kind} {wanted}")
        else:
            visit.values[name] = visit.here(found) if kind == "header" else found
    return lacking


def _within(places: Mapping[str, Sequence[str]], visit: Visit, body: bytes) -> list[str]:
    """Takes values out of JSON; returns what is not there."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ["JSON"]
    lacking = []
    for name, way in places.items():
        found = _at(answer, way, visit.random)
        if found is None:
            lacking.append(f"{'.'.join(way)} in its JSON")
        else:
            # JSON can say half a character, which no request can.
            visit.values[name] = found.encode(errors="replace").decode() if isinstance(found, str) else found
    return lacking


def _at(answer: Any, way: Sequence[str], random: Random) -> Any:
    """The value at a dotted path, `*` being any element of a list; None where there is none."""
    for part in way:
        if isinstance(answer, dict):
            answer = answer.get(part)
        elif isinstance(answer, list) and answer and part == "*":
            answer = random.choice(answer)
        elif isinstance(answer, list) and part.isascii() and part.isdigit() and int(part) < len(answer):
            answer = answer[int(part)]
        else:
            return None
    return answer
