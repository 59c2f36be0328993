"""Spans of requests to an OTLP/HTTP receiver, as JSON. No personal data: route templates, methods and statuses, nothing a person typed."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
import urllib.error
import urllib.request
from collections import deque
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("app")
PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
UNTRACED = {"/livez", "/readyz", "/metrics"}
SEND_S, TIMEOUT_S, KEPT = 2.0, 2.0, 2048
SERVER, FAILED = 2, 2


@dataclass(frozen=True)
class Span:
    """One request; times in nanoseconds since 1970. `parent` is empty for the first of a trace."""

    trace: str
    span: str
    parent: str
    name: str
    begun: int
    ended: int
    status: int


class Exporter:
    """Keeps the newest spans and sends them every two seconds; a receiver that is away costs spans, never requests."""

    def __init__(self, endpoint: str, service: str, version: str) -> None:
        self._url = f"{endpoint.rstrip('/')}/v1/traces"
        self._named = {"service.name": service, "service.version": version}
        self._spans: deque[Span] = deque(maxlen=KEPT)
        self._told = False

    def add(self, span: Span) -> None:
        self._spans.append(span)

    async def forever(self) -> None:
        while True:
            await asyncio.sleep(SEND_S)
            await self.send()

    async def send(self) -> int:
        """Send all spans that wait. Returns how many arrived."""
        spans = [self._spans.popleft() for _ in range(len(self._spans))]
        if not spans:
            return 0
        body = json.dumps(document(self._named, spans)).encode()
        try:
            await asyncio.to_thread(self._post, body)
        except (OSError, ValueError) as error:
            if not self._told:
                log.warning("spans are lost: %s", type(error).__name__)
            self._told = True
            return 0
        self._told = False
        return len(spans)

    def _post(self, body: bytes) -> None:
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - the operator's own setting
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - see above
            answer.read()


def document(named: dict[str, str], spans: list[Span]) -> dict[str, Any]:
    """An ExportTraceServiceRequest in OTLP's JSON form."""
    resource = {"attributes": [_text(key, value) for key, value in named.items()]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "app"}, "spans": [_span(one) for one in spans]}]}]}


def _span(one: Span) -> dict[str, Any]:
    method, _, route = one.name.partition(" ")
    status = {"key": "http.response.status_code", "value": {"intValue": str(one.status)}}
    found: dict[str, Any] = {
        "traceId": one.trace, "spanId": one.span, "name": one.name, "kind": SERVER, "startTimeUnixNano": str(one.begun),
        "endTimeUnixNano": str(one.ended), "attributes": [_text("http.request.method", method), _text("http.route", route), status],
        "status": {"code": FAILED} if one.status >= 500 else {},
    }  # fmt: skip
    return {**found, "parentSpanId": one.parent} if one.parent else found


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


class Traced:
    """ASGI middleware: a span for every request but probes, in the caller's trace where it names one (W3C traceparent)."""

    def __init__(self, app: ASGIApp, exporter: Exporter) -> None:
        self.app, self.exporter = app, exporter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self.app(scope, receive, send)
            return
        trace, parent = _given(scope)
        begun, status = time.time_ns(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            name = f"{scope['method']} {_route(scope)}"
            self.exporter.add(Span(trace, secrets.token_hex(8), parent, name, begun, time.time_ns(), status))


def _given(scope: Scope) -> tuple[str, str]:
    value = next((text.decode("latin-1") for key, text in scope["headers"] if key == b"traceparent"), "")
    found = PARENT.fullmatch(value)
    return (found[1], found[2]) if found else (secrets.token_hex(16), "")


def _route(scope: Scope) -> str:
    """The route's template; a path that is no route is not told, because people type addresses into it."""
    return str(getattr(scope.get("route"), "path", "") or "(no route)")
