"""Figures of a probe, made up for tests: everything is well unless it is said otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.plan import Probe
from loadtests.recorder import latency
from loadtests.result import Block, CapacityResult, Endpoint, FoundLimit, Generator, Machine, Measured, PhaseCapacity, Range, Verdict
from phases.model import Slo

SLO = Slo(p95_ms=200, error_ratio=0.001, availability=0.999)


def generator(
    *, lag_ms: float = 1.0, loop_lag_ms: float = 1.0, achieved: float = 1.0, cpu: float = 0.1, dispersion: float = 1.0
) -> Generator:
    return Generator(
        client_addresses=1000, start_lag_p99_ms=lag_ms, achieved_ratio=achieved, loop_lag_p99_ms=loop_lag_ms, dispersion=dispersion,
        cpu_seconds=3.0, cpu_share=cpu, requests_per_cpu_second=9000.0,
    )  # fmt: skip


def endpoint(name: str, requests: int, late: int, p95_ms: float) -> Endpoint:
    figures = latency([p95_ms * 1000])
    return Endpoint(
        name=name, method="GET", path=f"/{name}", requests=requests, failed=0, late=(late,), statuses={"200": requests}, latency=figures
    )


def measured(
    requests: int, late: int, failed: int, *, p95_ms: float = 80.0, limited: int = 0, stopped: str = "", how: Generator | None = None,
    blocks: Sequence[Block] = (), endpoints: Sequence[Endpoint] = (),
) -> Measured:  # fmt: skip
    return Measured.model_validate({
        "probe": Probe(name="p", rate_per_s=100, seconds=30), "limits_ms": (200.0,), "seconds": 30.0, "offered_rps": 100.0, "achieved_rps": 100.0,
        "requests": requests, "failed": failed, "late": (late,), "limited": limited, "unanswered": 0, "statuses": {"200": requests - failed},
        "latency": latency([p95_ms * 1000] * 20) if requests else None, "service": None, "in_flight": 2.0, "endpoints": tuple(endpoints),
        "blocks": tuple(blocks), "generator": how or generator(), "stopped": stopped,
    })  # fmt: skip


def searched(
    run: str, users: tuple[int, int, int], *, verdict: Verdict = Verdict.PASS, version: str = "1.0.0", when: str = ""
) -> CapacityResult:
    """A finished search of phase 2 of Codementee on this machine that found `users` at their 10 %, 50 % and 90 % quantile."""
    low, middle, high = users
    limit = FoundLimit(slo="p95", limit=200.0, rate=middle / 5.0, low=low / 5.0, high=high / 5.0, kind="band")
    own = PhaseCapacity(
        phase=2, p95_ms=200.0, binding="p95", limit=limit, concurrent=Range(low=low, middle=middle, high=high),
        registered=Range(low=10 * low, middle=10 * middle, high=10 * high),
    )  # fmt: skip
    return CapacityResult(
        run=run, when=when or "2026-11-21T03:00:00+00:00", profile="default", platform="codementee", phase=2, environment="local",
        target="https://localhost:8443", version=version, machine=Machine(text="2 cores", fingerprint="f"), slo=SLO, verdict=verdict, reasons=(),
        capacities=(own,), users_p10_p50_p90=users, response_ms=80.0, think_s=5.0, registered_per_concurrent=16.7, saturation_rps=None,
        recovery_s=None, peak=None, binding=None, steps=(), seconds=300.0,
    )  # fmt: skip
