"""What the judge is worth: reference services of known capacity, and how well each was judged. Pure: `loadtests/run.py` plays them."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests import stations
from loadtests.plan import Plan, Target
from loadtests.result import CapacityResult, Verdict
from phases.model import Journey, Slo

LIMITS_MS = (200.0, 300.0, 150.0)
ERROR_RATIO = 0.001
SERVERS, WORK_S = 8, 0.02
NEAR, FAR = 0.05, 0.10


@dataclass(frozen=True)
class Expected:
    """One service: what binds it, and whether a limit is to be found (PASS) or the verdict is the answer."""

    kind: str
    means: str
    verdict: Verdict = Verdict.PASS
    by_errors: bool = False
    starved: bool = False
    servers: int = SERVERS
    work_s: float = WORK_S

    @property
    def name(self) -> str:
        return "starved" if self.starved else self.kind


SERVICES = (
    Expected("mmc", "a queue with eight servers; truth by Erlang-C"),
    Expected("cliff", "refuses above 24 requests inside", by_errors=True),
    Expected("errors", "errors grow above 240 requests/s", by_errors=True),
    Expected("retrograde", "slower the more are inside; past its peak it collapses"),
    Expected("stall", "stands still 0.6 s every 5 s: no load meets p95 < 200 ms", verdict=Verdict.FAIL),
    Expected("mmc", "the same queue, the generator held up", verdict=Verdict.INVALID, starved=True),
)


@dataclass(frozen=True)
class Row:
    """One service judged: the true limit in requests/s, the one found with its interval, and the verdict beside the right one."""

    expected: Expected
    verdict: Verdict
    truth: float | None
    found: float | None
    low: float | None
    high: float | None
    seconds: float

    @property
    def error(self) -> float | None:
        return None if self.truth is None or self.found is None else self.found / self.truth - 1

    @property
    def holds(self) -> bool | None:
        """Whether the interval holds the truth."""
        return None if self.truth is None or self.low is None or self.high is None else self.low <= self.truth <= self.high

    @property
    def right(self) -> bool:
        """The verdict is the right one. A PASS counts within 5 %, up to 10 % where its interval holds the truth; INCONCLUSIVE where
        its interval does: it said that it is not sure. A healthy service is never FAIL or INVALID.
        """
        if self.expected.verdict is Verdict.PASS:
            away = 1.0 if self.error is None else abs(self.error)
            sure = self.verdict is Verdict.PASS and away <= (FAR if self.holds else NEAR)
            return sure or (self.verdict is Verdict.INCONCLUSIVE and bool(self.holds))
        return self.verdict is self.expected.verdict


def plan(port: int, seed: int) -> Plan:
    """A plan against a reference service on loopback, with the three phases' latency limits."""
    slos = {number: Slo(p95_ms=round(limit), error_ratio=ERROR_RATIO, availability=0.99) for number, limit in enumerate(LIMITS_MS, 1)}
    target = Target(url=f"http://localhost:{port}", address="127.0.0.1", port=port)
    return Plan(
        run=f"{seed:08x}", platform="reference", phase=1, environment="selftest", production=False, target=target, slo=slos[1], slos=slos,
        journeys={"hit": Journey(weight=1, steps=("GET /",), think_s=(4.0, 6.0))}, limits_ms=LIMITS_MS, client_addresses=1000, accounts=0,
        probes=(), seed=seed,
    )  # fmt: skip


def truth(expected: Expected) -> float | None:
    """The load at which the first phase's SLO is just met; None where there is none to find."""
    if expected.verdict is not Verdict.PASS:
        return None
    if expected.kind == "mmc":
        return stations.queue_limit(expected.servers, expected.work_s, LIMITS_MS[0] / 1000, 0.05)
    share, limit_s = (ERROR_RATIO, None) if expected.by_errors else (0.05, LIMITS_MS[0] / 1000)
    servers, work_s = expected.servers, expected.work_s
    # A share that is fifty times smaller takes longer to see.
    seconds = 2000.0 if expected.by_errors else 400.0
    return stations.simulated_limit(lambda: stations.station(expected.kind, 3, servers, work_s), servers / work_s, share, limit_s, seconds)


def row(expected: Expected, result: CapacityResult) -> Row:
    own = result.capacities[0].limit if result.capacities else None
    found, low, high = (own.rate, own.low, own.high) if own else (None, None, None)
    return Row(expected, result.verdict, truth(expected), found, low, high, result.seconds)
