"""What Prometheus scrapes. Labels are route templates, never paths; unhandled exceptions count as 500."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Every latency limit of the phases' SLOs (0.15, 0.2, 0.3, 0.5 s) is a bucket's bound, so that a share below it is exact.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
FAILED_BODY = b'{"detail":"something failed here; the request id names it in the log"}'
FAILED_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(FAILED_BODY)).encode())]
LIVE_OF = re.compile(r"_(\d+)\.db$")
log = logging.getLogger("app")
UNCOUNTED = {"/livez", "/readyz", "/metrics", "/health", "/api/health"}

REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
LATENCY = Histogram("http_request_duration_seconds", "Time to answer, without waiting on purpose", ["method", "route"], buckets=BUCKETS)
QUERIES = Counter("database_queries_total", "Commands sent to MongoDB", ["collection", "operation"])
CACHE = Counter("cache_requests_total", "Reads through the cache", ["name", "answer"])
POOL_OUT = Gauge("mongodb_pool_checked_out_connections", "Connections in use", ["pool"], multiprocess_mode="livesum")
POOL_MAX = Gauge("mongodb_pool_max_connections", "Connections that the pool may open", ["pool"], multiprocess_mode="livesum")
POOL_FAILED = Counter("mongodb_pool_checkout_failures_total", "Connections that could not be had", ["pool"])
REGISTRATIONS = Counter("user_registrations_total", "Accounts made", ["tier"])
BOOKINGS = Counter("booking_requests_total", "Booking requests by what became of them", ["status"])
PAYMENTS = Counter("payment_transactions_total", "Payments by what became of them", ["status"])
USERS = Gauge("platform_users", "Users by what is counted, once a minute", ["basis"], multiprocess_mode="livemax")
BUILD = Gauge("app_build_info", "1, with version and slot", ["version", "slot", "service"], multiprocess_mode="liveall")


def waited(scope: Scope, seconds: float) -> None:
    """Say that a request waited on purpose: a long poll that is answered after 20 s is no slow one, and would hide what is slow."""
    scope["waited_s"] = scope.get("waited_s", 0.0) + seconds


def exposition() -> bytes:
    """The text that Prometheus reads; over all workers where there are several, without those that are gone."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        _bury(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest()


def _bury(folder: Path) -> None:
    """Drop the live gauges of ended workers: nobody else does, and their connections would count as checked out for ever."""
    for pid in {int(found[1]) for path in folder.glob("gauge_live*.db") if (found := LIVE_OF.search(path.name))}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


class Measured:
    """ASGI middleware: counts and times every request but probes and health pages, and names who served it."""

    def __init__(self, app: ASGIApp, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.app, self.headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self.app(scope, receive, send)
            return
        await self._measured(scope, receive, send)

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        status, started = 500, False
        request_id = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")

        async def answer(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                spent = f"{time.perf_counter() - start:.4f}".encode()
                extra = [*self.headers, (b"x-process-time", spent), *([(b"x-request-id", request_id)] if request_id else [])]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                raise
            # Answered here, with the same headers as every answer, so that the connection stays usable for the next request.
            await answer({"type": "http.response.start", "status": 500, "headers": FAILED_HEADERS})
            await answer({"type": "http.response.body", "body": FAILED_BODY})
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            REQUESTS.labels(scope["method"], route, str(status)).inc()
            LATENCY.labels(scope["method"], route).observe(max(0.0, time.perf_counter() - start - scope.get("waited_s", 0.0)))
