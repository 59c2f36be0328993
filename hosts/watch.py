"""The gate of a release: what the load balancers' own logs say of the new slot. Needs no Prometheus."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hosts.fleet import Host
from layout.release import GateLimits

POLL_S = 1.0
# Below this many failures an early no would be chance.
CERTAIN_FAILURES = 5
OWN_CLIENT = "127.0.0.1"


@dataclass(frozen=True)
class Verdict:
    """The gate's answer with its evidence: requests of users in the window, failures (5xx), p95 in ms (None without requests)."""

    answer: Literal["pass", "fail", "unknown"]
    requests: int
    failed: int
    p95_ms: float | None
    evidence: str


@dataclass(frozen=True)
class Request:
    at: float
    status: int
    seconds: float


def parse(lines: Sequence[str], slot: str, since: float) -> list[Request]:
    """Users' requests of one slot from access log lines; what is no such line is skipped, probes do not count."""
    found = []
    for line in lines:
        if not line.startswith("{"):
            continue
        try:
            row = json.loads(line)
            request = Request(float(row["msec"]), int(row["status"]), float(row["request_time"]))
        except (ValueError, KeyError, TypeError):
            continue
        if row.get("slot") == slot and row.get("client") != OWN_CLIENT and request.at >= since:
            found.append(request)
    return found


def judge(requests: Sequence[Request], limits: GateLimits, *, early: bool = False) -> Verdict:
    """The verdict on a window. `early` answers `unknown` unless a failure is already certain."""
    total = len(requests)
    failed = sum(request.status >= 500 for request in requests)
    p95 = p95_ms(requests)
    text = f"{total} requests, {failed} failed" + (f", p95 {p95:.0f} ms" if p95 is not None else "")
    if failed > limits.error_ratio * total and failed >= (CERTAIN_FAILURES if early else 1):
        return Verdict("fail", total, failed, p95, f"{text}: more than {limits.error_ratio:.2%} failed")
    if early or total < limits.min_requests:
        return Verdict("unknown", total, failed, p95, f"{text}: fewer than {limits.min_requests}")
    if p95 is not None and p95 > limits.p95_ms:
        return Verdict("fail", total, failed, p95, f"{text}: above {limits.p95_ms} ms")
    return Verdict("pass", total, failed, p95, text)


def p95_ms(requests: Sequence[Request]) -> float | None:
    """Nearest-rank 95th percentile in ms."""
    if not requests:
        return None
    ordered = sorted(request.seconds for request in requests)
    return ordered[math.ceil(0.95 * len(ordered)) - 1] * 1000


async def watch(balancers: Sequence[tuple[Host, str]], slot: str, limits: GateLimits) -> Verdict:
    """Watch the new slot for the gate's window; a certain failure ends it early."""
    start = time.time()
    end = time.monotonic() + limits.window_s
    while True:
        await asyncio.sleep(min(POLL_S, max(0.0, end - time.monotonic())))
        lines = [line for host, container in balancers for line in await _log(host, container, start)]
        requests = parse(lines, slot, start)
        over = time.monotonic() >= end
        verdict = judge(requests, limits, early=not over)
        if over or verdict.answer == "fail":
            return verdict


async def _log(host: Host, container: str, since: float) -> list[str]:
    done = await host.connection.run(["docker", "logs", "--since", f"{since:.3f}", container])
    return done.stdout.splitlines()
