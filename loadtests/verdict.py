"""What the figures prove: PASS, FAIL, INCONCLUSIVE (too few requests for the claim) or INVALID (the generator was the limit).

"p95 < T" is the claim that at most 5 % of requests are late or failed, so both SLOs are claims about a share, settled by
the binomial distribution at 95 % confidence. Requests that come in the same second share their luck: the blocks of one
second tell how much, and the counts are thinned by that design effect.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtests.result import Block, Claim, Endpoint, Generator, Judgement, Measured, Verdict, percent
from phases.model import Slo

CONFIDENCE = 0.95
LATE_RATIO = 0.05
# The normal distribution's 95 % point, and how many times more requests are still worth naming.
Z = 1.645
FAR = 20


@dataclass(frozen=True)
class Guard:
    """When a figure is the generator's and not the service's.

    Latency counts from the intended start, so a start lag is part of it: a tenth of the limit is the accuracy that is
    promised. A generator that used nine tenths of a core had no room for what it did not send.
    """

    lag_share: float = 0.10
    fewest_lag_ms: float = 10.0
    achieved_ratio: float = 0.99
    cpu_share: float = 0.90
    dispersion: float = 2.0
    limited_share: float = 0.001


GUARD = Guard()


def at_most(bad: int, requests: int, share: float) -> float:
    """P(X ≤ bad) for X ~ Binomial(requests, share)."""
    if bad >= requests:
        return 1.0
    if bad < 0:
        return 0.0
    return min(1.0, sum(math.exp(_log_chance(one, requests, share)) for one in range(bad + 1)))


def _log_chance(count: int, requests: int, share: float) -> float:
    ways = math.lgamma(requests + 1) - math.lgamma(count + 1) - math.lgamma(requests - count + 1)
    return ways + count * math.log(share) + (requests - count) * math.log1p(-share)


def fewest(bad: int, share: float, confidence: float = CONFIDENCE) -> int:
    """The fewest requests of which `bad` may miss and the claim "less than `share` miss" still holds with `confidence`."""
    low, high = bad + 1, bad + 2
    while at_most(bad, high, share) > 1 - confidence:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if at_most(bad, middle, share) <= 1 - confidence else (middle + 1, high)
    return low


def enough(bad: int, requests: int, share: float, effect: float = 1.0) -> int | None:
    """How many requests would settle a claim that stays open, if they go on missing at the rate seen; None when it is too close."""
    if not bad:
        return round(fewest(0, share) * effect)
    room = share - bad / requests
    if room <= 0:
        return None
    wanted = max(effect * Z**2 * share * (1 - share) / room**2, requests + 1)
    return math.ceil(wanted) if wanted <= FAR * requests else None


def design_effect(pairs: Iterable[tuple[int, int]]) -> float:
    """How many requests that share their luck count as one, from (bad, requests) per second. At least 1."""
    blocks = [pair for pair in pairs if pair[1]]
    bad, requests = sum(pair[0] for pair in blocks), sum(pair[1] for pair in blocks)
    if len(blocks) < 5 or bad in (0, requests):
        return 1.0
    share = bad / requests
    spread = sum((one - count * share) ** 2 for one, count in blocks) * len(blocks) / (len(blocks) - 1)
    return max(1.0, spread / (requests * share * (1 - share)))


def settle(bad: int, requests: int, share: float, effect: float = 1.0) -> str:
    """`held` when fewer than `share` miss with 95 % confidence, `broken` when more do, else `open`."""
    thin_bad, thin = round(bad / effect), round(requests / effect)
    if thin <= 0:
        return "open"
    if at_most(thin_bad, thin, share) <= 1 - CONFIDENCE:
        return "held"
    if bad and 1 - at_most(max(thin_bad, 1) - 1, thin, share) <= 1 - CONFIDENCE:
        return "broken"
    return "open"


def claims(measured: Measured, slo: Slo) -> tuple[Claim, ...]:
    """Both SLOs against the figures. `measured.limits_ms[0]` is the SLO's limit."""
    blocks: Sequence[Block] = measured.blocks
    late, failed = measured.late[0], measured.failed
    p95 = measured.latency.p95_ms if measured.latency else None
    ratio = failed / measured.requests if measured.requests else None
    return (
        _claim("p95", slo.p95_ms, p95, LATE_RATIO, late, [(one.late[0], one.requests) for one in blocks], measured.requests),
        _claim(
            "errors", slo.error_ratio, ratio, slo.error_ratio, failed, [(one.failed, one.requests) for one in blocks], measured.requests
        ),
    )


def _claim(slo: str, limit: float, value: float | None, share: float, bad: int, pairs: Sequence[tuple[int, int]], requests: int) -> Claim:
    effect = design_effect(pairs)
    state = settle(bad, requests, share, effect)
    needed = enough(bad, requests, share, effect) if state == "open" else None
    return Claim.model_validate({
        "slo": slo, "limit": limit, "measured": value, "bad": bad, "requests": requests, "allowed": share, "needed": needed, "state": state,
    })  # fmt: skip


def objections(generator: Generator, slo: Slo, guard: Guard = GUARD) -> list[str]:
    """Why the figures are not the service's; empty when they are."""
    lag_ms = max(guard.fewest_lag_ms, guard.lag_share * slo.p95_ms)
    found = []
    if generator.start_lag_p99_ms is not None and generator.start_lag_p99_ms > lag_ms:
        found.append(f"requests left up to {generator.start_lag_p99_ms:.0f} ms late (p99; {lag_ms:.0f} ms are allowed)")
    if generator.loop_lag_p99_ms > lag_ms:
        found.append(f"the generator's timers woke up to {generator.loop_lag_p99_ms:.0f} ms late (p99; {lag_ms:.0f} ms are allowed)")
    if generator.achieved_ratio is not None and generator.achieved_ratio < guard.achieved_ratio:
        found.append(f"only {generator.achieved_ratio:.1%} of the requests were sent in time ({guard.achieved_ratio:.0%} are needed)")
    if generator.cpu_share > guard.cpu_share * generator.processes:
        found.append(f"the generator used {generator.cpu_share:.0%} of a core ({guard.cpu_share * generator.processes:.0%} is its limit)")
    if generator.dispersion is not None and generator.dispersion > guard.dispersion:
        found.append(f"requests left in bursts (variance {generator.dispersion:.1f} times the mean, 1 is even)")
    return found


def judge(measured: Measured, slo: Slo, guard: Guard = GUARD, *, interrupted: bool = False) -> Judgement:
    """The verdict. Errors that the service itself answered count first, then the generator's health, then latency."""
    found = claims(measured, slo)
    worst = worst_endpoint(measured.endpoints)
    verdict, reasons = _weigh(measured, slo, found, guard)
    if interrupted and verdict is not Verdict.FAIL:
        verdict, reasons = (
            Verdict.INCONCLUSIVE,
            [f"interrupted after {measured.seconds:.0f} s of load and {measured.requests} requests", *reasons],
        )
    if measured.stopped == "requests":
        reasons = [
            *reasons,
            f"the load ended after {measured.seconds:.0f} of {measured.probe.seconds:.0f} s: the number of requests that a test may send was reached",
        ]
    p95 = worst.latency.p95_ms if worst and worst.latency else None
    return Judgement(verdict=verdict, reasons=tuple(reasons), claims=found, worst=worst.name if worst else "", worst_p95_ms=p95)


def _weigh(measured: Measured, slo: Slo, found: Sequence[Claim], guard: Guard) -> tuple[Verdict, list[str]]:
    if measured.requests and measured.limited > guard.limited_share * measured.requests:
        return Verdict.INVALID, [_limited(measured)]
    errors = next(claim for claim in found if claim.slo == "errors")
    answered_wrong = errors.state == "broken" and measured.failed - measured.unanswered > guard.limited_share * measured.requests
    objected = objections(measured.generator, slo, guard)
    if objected and not answered_wrong:
        return Verdict.INVALID, objected
    broken = [claim for claim in found if claim.state == "broken"]
    if broken:
        slow = [claim for claim in broken if claim.slo == "errors" or claim.measured is None or claim.measured > claim.limit]
        return Verdict.FAIL, [_says(claim) for claim in slow or broken]
    if measured.stopped in ("in-flight", "errors"):
        return Verdict.FAIL, [_gave_up(measured)]
    still_open = [_says(claim) for claim in found if claim.state == "open"]
    return (Verdict.INCONCLUSIVE, still_open) if still_open else (Verdict.PASS, [_says(claim) for claim in found])


def _says(claim: Claim) -> str:
    counts = f"{claim.bad} of {claim.requests} requests"
    if claim.slo == "p95":
        value = "nothing was answered" if claim.measured is None else f"p95 is {claim.measured:.0f} ms"
        text = f"{value}, the limit is {claim.limit:.0f} ms ({counts} were late or failed)"
    else:
        text = f"{counts} failed, the limit is {percent(claim.limit)}"
    if claim.state == "open" and claim.needed is not None:
        return f"{text}; it takes {claim.needed} such requests to be sure"
    return f"{text}; too close to tell" if claim.state == "open" else text


def _limited(measured: Measured) -> str:
    hit = [endpoint.name for endpoint in measured.endpoints if endpoint.statuses.get("429")]
    addresses = measured.generator.client_addresses or "one"
    return f"a rate limit answered {measured.limited} of {measured.requests} requests with 429 ({', '.join(hit)}); the load came from {addresses} client address(es)"


def _gave_up(measured: Measured) -> str:
    why = {"in-flight": "requests piled up without answers", "errors": "most requests failed"}[measured.stopped]
    return f"the load was stopped after {measured.seconds:.0f} s: {why}"


def worst_endpoint(endpoints: Sequence[Endpoint], limit: int = 0) -> Endpoint | None:
    """The endpoint with the largest share above the limit of this index, then the slowest; rare ones only if all are rare."""
    common = [one for one in endpoints if one.requests >= fewest(0, LATE_RATIO)] or list(endpoints)
    return max(common, key=lambda one: (one.late[limit] / one.requests, one.latency.p95_ms if one.latency else math.inf), default=None)
