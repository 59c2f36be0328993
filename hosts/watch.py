"""The gate of a release: what the load balancers' own logs say of the new slot. Needs no Prometheus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from hosts.connection import output
from hosts.fleet import Host
from hosts.state import Opposite
from hosts.verdict import Request, Verdict, judge, parse
from layout.model import Slot
from layout.release import GateLimits

POLL_S = 1.0
Balancer = tuple[Host, str]


async def watch(balancers: Sequence[Balancer], slot: Slot, limits: GateLimits, window_s: float) -> Verdict:
    """Watch the new slot for `window_s` through all balancers; a certain failure ends it early."""
    end = time.monotonic() + window_s
    since = await asyncio.gather(*(_clock(host) for host, _ in balancers))
    while True:
        await asyncio.sleep(min(POLL_S, max(0.0, end - time.monotonic())))
        logs = await asyncio.gather(*(_log(one, start, limits.waits) for one, start in zip(balancers, since, strict=True)))
        over = time.monotonic() >= end
        verdict = judge(_of(logs, slot), _of(logs, Opposite[slot]), limits, early=not over)
        if over or verdict.answer == "fail":
            return verdict


def _of(logs: Sequence[dict[str, list[Request]]], slot: Slot) -> list[Request]:
    return [request for log in logs for request in log.get(slot, [])]


async def _clock(host: Host) -> float:
    """The host's own clock, which its log is written by."""
    return float(await output(host.connection, ["date", "+%s.%N"], what="reading the clock"))


async def _log(balancer: Balancer, since: float, waits: Sequence[str]) -> dict[str, list[Request]]:
    host, container = balancer
    done = await host.connection.run(["docker", "logs", "--since", f"{since:.3f}", container])
    return parse(done.stdout.splitlines(), since, waits)
