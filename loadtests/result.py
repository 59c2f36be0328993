"""What a load test measured and what it was judged to be, as values with a versioned JSON form."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from loadtests.plan import Probe
from phases.model import Slo

SCHEMA = "cmctl/loadtest/1"


class Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Latency(Value):
    """Milliseconds from the intended start, and the whole histogram for merging (microseconds, HdrHistogram V2)."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    histogram: str


class Endpoint(Value):
    """One step of the journeys over the measured window. `late[i]` counts failed answers and those above the i-th limit."""

    name: str
    method: str
    path: str
    requests: int
    failed: int
    late: tuple[int, ...]
    statuses: dict[str, int]
    latency: Latency | None


class Block(Value):
    """One second of the measured window, by intended start."""

    requests: int
    failed: int
    late: tuple[int, ...]


class Generator(Value):
    """How the generator itself was doing. A figure it could not measure is None.

    `start_lag_p99_ms`: how late requests left. `achieved_ratio`: started in time of those offered. `loop_lag_p99_ms`: how
    late a timer woke up. `cpu_share`: of one core. `dispersion`: variance over mean of starts per 100 ms, 1 for Poisson.
    """

    processes: int = 1
    client_addresses: int
    start_lag_p99_ms: float | None
    achieved_ratio: float | None
    loop_lag_p99_ms: float
    dispersion: float | None
    cpu_seconds: float
    cpu_share: float
    requests_per_cpu_second: float


Stopped = Literal["", "interrupted", "requests", "in-flight", "errors"]


class Measured(Value):
    """One probe. Figures are of the window after the warm-up; `stopped` says why it ended before its time.

    `recovery_s` is how long the service took to be as quick as before, the time allowed when it did not get there; None when
    nobody looked.
    """

    event: Literal["measured"] = "measured"
    probe: Probe
    limits_ms: tuple[float, ...]
    seconds: float
    offered_rps: float
    achieved_rps: float
    requests: int
    failed: int
    late: tuple[int, ...]
    limited: int
    unanswered: int
    statuses: dict[str, int]
    latency: Latency | None
    service: Latency | None
    in_flight: float
    endpoints: tuple[Endpoint, ...]
    blocks: tuple[Block, ...]
    generator: Generator
    stopped: Stopped = ""
    recovery_s: float | None = None


class Polls(Value):
    """Long polls around an operation. `held`: the last one was still open when we ended it, and is neither answered nor failed."""

    answered: int
    failed: int
    held: bool
    reasons: dict[str, int]


class Steady(Value):
    """What steady traffic noticed. `measured` is None when the generator has no figures, `polls` when the platform names no long poll."""

    measured: Measured | None
    polls: Polls | None = None


def percent(share: float) -> str:
    """A share as people write it, with as many digits as it has: 0.1%, 0.05%, 5%."""
    return f"{share * 100:.4g}%"


class Verdict(StrEnum):
    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"

    @property
    def exit_code(self) -> int:
        return {"PASS": 0, "FAIL": 3}.get(self.value, 6)


class Claim(Value):
    """One SLO against the figures: `held` and `broken` with 95 % confidence, else `open`.

    `bad` of `requests` did not meet it, `allowed` of them may; `needed` requests would settle an open claim at the ratio seen; None when it is too close.
    """

    slo: Literal["p95", "errors"]
    limit: float
    measured: float | None
    bad: int
    requests: int
    allowed: float
    needed: int | None
    state: Literal["held", "broken", "open"]


class Judgement(Value):
    """The verdict, why, and which endpoint comes nearest to the limit."""

    verdict: Verdict
    reasons: tuple[str, ...]
    claims: tuple[Claim, ...]
    worst: str = ""
    worst_p95_ms: float | None = None


class Machine(Value):
    """Where it was measured: figures are comparable only between equal fingerprints."""

    text: str
    fingerprint: str


class Concluded(Value):
    """What every longer test ends with: its verdict with the reasons, and whether Ctrl-C ended it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        return 130 if self.interrupted else self.verdict.exit_code

    def document(self) -> dict[str, Any]:
        """The JSON form of the test's own schema."""
        return {"exit_code": self.exit_code, **self.model_dump(mode="json")}


class Subject(Value):
    """Which test of what: `run` names it, `when` is ISO 8601 in UTC, `slo` is the phase's."""

    run: str
    when: str
    profile: str
    platform: str
    phase: int
    environment: str
    target: str
    version: str
    machine: Machine
    slo: Slo


class Result(Subject):
    """A finished load test."""

    measured: Measured | None
    judgement: Judgement
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        return 130 if self.interrupted else self.judgement.verdict.exit_code

    def document(self) -> dict[str, Any]:
        """The JSON form of schema `cmctl/loadtest/1`: the figures one asks for first at the top, the rest below `measured`."""
        measured = self.measured
        latency = measured.latency if measured else None
        head = {
            "verdict": self.judgement.verdict.value, "exit_code": self.exit_code, "reasons": list(self.judgement.reasons),
            "requests": measured.requests if measured else 0, "failed": measured.failed if measured else 0,
            "p95_ms": latency.p95_ms if latency else None, "rps": measured.achieved_rps if measured else None,
            "worst": self.judgement.worst,
        }  # fmt: skip
        return {**head, **self.model_dump(mode="json")}


CAPACITY_SCHEMA = "cmctl/capacity-test/1"
Kind = Literal["point", "band", "above", "below"]


class FoundLimit(Value):
    """The load at which an SLO is just met, requests per second, with its 95 % interval (see search.Limit for `kind`)."""

    slo: Literal["p95", "errors"]
    limit: float
    rate: float
    low: float
    high: float
    kind: Kind


class Range(Value):
    """A count of users: best guess and interval."""

    low: int
    middle: int
    high: int


class PhaseCapacity(Value):
    """What one phase's SLO allows: the nearer of its two limits, and the users that make this load.

    `registered_per_concurrent`: registered users for each one at the phase's own peak, and who says so.
    """

    phase: int
    p95_ms: float
    binding: Literal["p95", "errors"]
    limit: FoundLimit
    concurrent: Range
    registered: Range
    registered_per_concurrent: float | None = None
    ratio_source: str = ""


StepKind = Literal["alone", "saturation", "ramp", "probe", "sustain"]


class Step(Value):
    """One probe of a search, as its trace shows it. `told` is False for a probe that did not count, `why` says why."""

    kind: StepKind
    told: bool
    why: str = ""
    measured: Measured


class Peak(Value):
    """The universal scalability law fitted to closed probes: where more users stop helping, and the error of such a guess.

    `users` is None where the data do not show the peak; `curve_users` is then where the curve would have it, if anywhere.
    `most_users` is how far the data reach.
    """

    users: float | None
    rate: float | None
    spread: float | None
    contention: float
    coherency: float
    curve_users: float | None = None
    most_users: float | None = None


class Watched(Value):
    """Who was asked for the shares of resources in use (empty: nobody), and why there are none or fewer than there could be."""

    by: str = ""
    why: str = ""


class Binding(Value):
    """What binds at the limit: the SLO, the endpoint that comes nearest to it, the resource that was used up (empty: none was)."""

    slo: Literal["p95", "errors"]
    endpoint: str
    resource: str
    uses: dict[str, float]


class CapacityResult(Concluded, Subject):
    """A finished search. `capacities` are by phase, the plan's own first; empty when there is no answer."""

    capacities: tuple[PhaseCapacity, ...]
    users_p10_p50_p90: tuple[int, int, int] | None
    response_ms: float | None
    think_s: float
    registered_per_concurrent: float
    saturation_rps: float | None
    recovery_s: float | None
    peak: Peak | None
    binding: Binding | None
    steps: tuple[Step, ...]
    seconds: float
    notes: tuple[str, ...] = ()
    watched: Watched | None = None
