"""What the requests of a new slot say about it: too many failures, one broken route, too slow, or nothing yet. Pure."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from layout.release import GateLimits

# Below this many failures an early no would be chance.
CERTAIN_FAILURES = 5
# One route is broken when at least half of its requests fail, which the former version's do not.
BROKEN_FAILURES, BROKEN_RATIO, SOUND_RATIO = 2, 0.5, 0.1
# Slower than the former version in the same seconds: judgement, far above what two equal versions differ by.
SLOWER_TIMES, SLOWER_MS = 2.0, 50.0
OWN_CLIENT = "127.0.0.1"
WORD = re.compile(r"[a-z][a-z_-]{0,30}")
ROUTE_SEGMENTS = 4


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
    """`at`: seconds, the balancer's clock. `route`: method and path with what names one thing left out.

    One that `waits` does so on purpose: it may fail, but its time is neither quick nor slow.
    """

    at: float
    status: int
    seconds: float
    route: str = ""
    waits: bool = False

    @property
    def failed(self) -> bool:
        return self.status >= 500


def parse(lines: Sequence[str], since: float, waits: Sequence[str] = ()) -> dict[str, list[Request]]:
    """Slot → users' requests from access log lines; what is no such line is skipped, probes do not count.

    `waits`: the paths of long polls.
    """
    found: dict[str, list[Request]] = {}
    for line in lines:
        if not line.startswith("{"):
            continue
        try:
            row = json.loads(line)
            path = row.get("path")
            request = Request(
                float(row["msec"]), int(row["status"]), float(row["request_time"]), route(row.get("method"), path), path in waits
            )
        except (ValueError, KeyError, TypeError):
            continue
        # What the balancer answers by itself (a limit, a closed door) says nothing of a version.
        own = row.get("client") == OWN_CLIENT or row.get("upstream_status") in {"", "-"}
        if not own and request.at >= since:
            found.setdefault(str(row.get("slot")), []).append(request)
    return found


def route(method: object, path: object) -> str:
    """`GET /api/companies/:id`: segments that are no plain lower-case word name one thing."""
    segments = [part if WORD.fullmatch(part) else ":id" for part in str(path or "").split("/") if part]
    return f"{method or '?'} /{'/'.join(segments[:ROUTE_SEGMENTS])}"


def judge(requests: Sequence[Request], former: Sequence[Request], limits: GateLimits, *, early: bool = False) -> Verdict:
    """The verdict on the new slot's requests beside the former's of the same window.

    `early` answers `unknown` unless a failure is already certain.
    """
    total, failed, p95 = len(requests), sum(one.failed for one in requests), p95_ms(requests)
    text = f"{total} requests, {failed} failed" + (f", p95 {p95:.0f} ms" if p95 is not None else "")

    def said(answer: Literal["pass", "fail", "unknown"], why: str = "") -> Verdict:
        return Verdict(answer, total, failed, p95, f"{text}: {why}" if why else text)

    if failed > limits.error_ratio * total and failed >= (CERTAIN_FAILURES if early else 1):
        return said("fail", f"more than {limits.error_ratio:.2%} failed")
    broken = broken_route(requests, former, CERTAIN_FAILURES if early else BROKEN_FAILURES)
    if broken:
        return said("fail", broken)
    if early or total < limits.min_requests:
        return said("unknown", f"fewer than {limits.min_requests}")
    slow = _slow(requests, former, limits)
    return said("fail", slow) if slow else said("pass")


def broken_route(requests: Sequence[Request], former: Sequence[Request], at_least: int) -> str:
    """The route that fails in the new version and not in the former, as a sentence; empty when there is none."""
    all_new, all_former = Counter(one.route for one in requests), Counter(one.route for one in former)
    bad_new, bad_former = (Counter(one.route for one in some if one.failed) for some in (requests, former))
    for name, bad in bad_new.most_common():
        sound = bad_former[name] <= SOUND_RATIO * all_former[name]
        if bad >= at_least and bad >= BROKEN_RATIO * all_new[name] and sound:
            return f"{name} failed {bad} of {all_new[name]} times, {bad_former[name]} of {all_former[name]} in the former version"
    return ""


def _slow(requests: Sequence[Request], former: Sequence[Request], limits: GateLimits) -> str:
    """How the new slot is too slow, as a sentence: above the limit where the former is not, or far slower than the former.

    The comparison is of medians: the first requests of any version meet cold caches, and only the tail feels them.
    """
    # A fast failure is not fast.
    timed, served = [one for one in requests if not one.waits], [one for one in former if not one.failed and not one.waits]
    if not timed:
        return ""
    known = len(served) >= limits.min_requests
    p95, before = p95_ms(timed) or 0.0, (p95_ms(served) or 0.0) if known else 0.0
    if p95 > limits.p95_ms and before <= limits.p95_ms:
        return f"above {limits.p95_ms} ms" + (f", where the former version's p95 is {before:.0f} ms" if known else "")
    if not known:
        return ""
    usual, usual_before = quantile_ms(timed, 0.5), quantile_ms(served, 0.5)
    if usual > max(SLOWER_TIMES * usual_before, usual_before + SLOWER_MS):
        return f"half of them took more than {usual:.0f} ms, of the former version's {usual_before:.0f} ms in the same seconds"
    return ""


def p95_ms(requests: Sequence[Request]) -> float | None:
    """Nearest-rank 95th percentile in ms of those that do not wait on purpose; None without any."""
    timed = [one for one in requests if not one.waits]
    return quantile_ms(timed, 0.95) if timed else None


def quantile_ms(requests: Sequence[Request], share: float) -> float:
    """Nearest-rank quantile of at least one request, in ms."""
    ordered = sorted(request.seconds for request in requests)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000
