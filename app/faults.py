"""Faults put in on purpose, for drills and tests: only with CMCTL_FAULTS=1, and named by FAULT_* variables.

FAULT_EXIT=at-start, FAULT_READY=never, FAULT_STATUS=500, FAULT_DELAY_MS=2000, FAULT_ROUTE=/api/companies (else every route).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

PROBES = ("/livez", "/readyz", "/metrics")


@dataclass(frozen=True)
class Faults:
    never_ready: bool = False
    status: int = 0
    delay_ms: int = 0
    route: str = ""

    def hits(self, path: str) -> bool:
        return bool(self.status or self.delay_ms) and path not in PROBES and path.startswith(self.route)


def load(environment: Mapping[str, str] = os.environ) -> Faults:
    if environment.get("CMCTL_FAULTS") != "1":
        return Faults()
    if environment.get("FAULT_EXIT") == "at-start":
        sys.exit("fault: ends at its start, as FAULT_EXIT asks")
    return Faults(
        never_ready=environment.get("FAULT_READY") == "never",
        status=int(environment.get("FAULT_STATUS", "0")),
        delay_ms=int(environment.get("FAULT_DELAY_MS", "0")),
        route=environment.get("FAULT_ROUTE", ""),
    )


class Faulty:
    """ASGI middleware that delays or fails the routes it is told to."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app, self.faults = app, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self.faults.hits(scope["path"]):
            await self.app(scope, receive, send)
            return
        await asyncio.sleep(self.faults.delay_ms / 1000)
        if not self.faults.status:
            await self.app(scope, receive, send)
            return
        # The router is not asked any more, and metrics count by route.
        scope["route"] = _route(scope)
        await send({"type": "http.response.start", "status": self.faults.status, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"detail":"fault"}'})


def _route(scope: Scope) -> BaseRoute | None:
    """The route that would have answered."""
    return next((route for route in scope["app"].routes if route.matches(scope)[0] is Match.FULL), None)
