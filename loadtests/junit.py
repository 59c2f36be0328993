"""Load tests as JUnit cases for CI: one for each SLO, phase and endpoint, and for all endpoints together. Pure.

Held passes, broken fails, open is skipped. So is an endpoint that misses alone what all requests together hold: the exit
code and the cases say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from loadtests import report, verdict
from loadtests.result import CapacityResult, Endpoint, Measured, Result, Verdict, percent
from phases.model import Slo


def of_smoke(result: Result) -> str:
    """The cases of a smoke test: the own phase's SLO for every endpoint and for all together."""
    return _xml(
        result.profile, {result.phase: result.measured}, {result.phase: result.slo}, result.judgement.verdict, result.judgement.reasons
    )


def of_capacity(result: CapacityResult, slos: Mapping[int, Slo]) -> str:
    """The cases of a search: the own SLO for every endpoint in the load that was sustained, else in the one nearest to the limit.

    Another phase's SLO is held against the highest load below that phase's own limit: at the load that this phase allows
    it would be missed as a matter of course.
    """
    sustained = [step.measured for step in result.steps if step.kind == "sustain" and step.told]
    own = sustained[-1] if sustained else report.near_limit(result)
    loads = {phase: own if phase == result.phase else _below(result, phase) for phase in slos}
    return _xml("capacity", loads, slos, result.verdict, result.reasons)


def _below(result: CapacityResult, phase: int) -> Measured | None:
    """The highest load that was tried below the phase's limit; None where there is none."""
    low = next((one.limit.low for one in result.capacities if one.phase == phase), 0.0)
    tried = [step.measured for step in result.steps if step.told and step.kind in ("probe", "ramp", "sustain")]
    return max((one for one in tried if one.offered_rps <= low), key=lambda one: one.offered_rps, default=None)


def of_verdict(name: str, found: Verdict, reasons: Iterable[str]) -> str:
    """One case: the verdict of a load test that has no endpoints of its own to tell."""
    return _xml(name, {}, {}, found, reasons)


def _xml(name: str, loads: Mapping[int, Measured | None], slos: Mapping[int, Slo], found: Verdict, reasons: Iterable[str]) -> str:
    whole = TestCase("verdict", classname=f"loadtest.{name}")
    text = "; ".join(reasons)
    if found is Verdict.FAIL:
        whole.result = [Failure(text)]
    elif found is not Verdict.PASS:
        whole.result = [Skipped(f"{found.value}: {text}")]
    suite = TestSuite(f"loadtest {name}")
    suite.add_testcase(whole)
    for phase, slo in slos.items():
        for case in _cases(loads[phase], phase, slo):
            if found is Verdict.INVALID:
                case.result = [Skipped("the figures are not the service's: see the verdict")]
            suite.add_testcase(case)
    document = JUnitXml("loadtest")
    document.add_testsuite(suite)
    written: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return written.decode()


def _cases(measured: Measured | None, phase: int, slo: Slo) -> Iterable[TestCase]:
    if measured is None or float(slo.p95_ms) not in measured.limits_ms:
        return
    index = measured.limits_ms.index(float(slo.p95_ms))
    late = Share(
        f"p95 < {slo.p95_ms} ms", verdict.LATE_RATIO, verdict.design_effect((one.late[index], one.requests) for one in measured.blocks)
    )
    failed = Share(
        f"errors < {percent(slo.error_ratio)}",
        slo.error_ratio,
        verdict.design_effect((one.failed, one.requests) for one in measured.blocks),
    )
    for share, whole, parts in (
        (late, measured.late[index], [one.late[index] for one in measured.endpoints]),
        (failed, measured.failed, [one.failed for one in measured.endpoints]),
    ):
        state = share.state(whole, measured.requests)
        yield _case(phase, "all requests", measured, share, whole, state)
        for endpoint, bad in zip(measured.endpoints, parts, strict=True):
            yield _case(phase, endpoint.name, endpoint, share, bad, state)


@dataclass(frozen=True)
class Share:
    """What an SLO allows, and how many requests share their luck and count as one."""

    slo: str
    allowed: float
    effect: float

    def state(self, bad: int, requests: int) -> str:
        return verdict.settle(bad, requests, self.allowed, self.effect)


def _case(phase: int, name: str, of: Measured | Endpoint, share: Share, bad: int, whole: str) -> TestCase:
    """The SLO is one of all requests: an endpoint that misses it alone is told, and fails only where all of them miss it."""
    case = TestCase(f"{name}: {share.slo}", classname=f"loadtest.phase{phase}", time=(of.latency.p95_ms if of.latency else 0.0) / 1000)
    state = share.state(bad, of.requests)
    says = f"{bad} of {of.requests} requests missed it, {percent(share.allowed)} may"
    if state == "broken" and whole == "broken":
        case.result = [Failure(says)]
    elif state == "broken":
        case.result = [Skipped(f"missed here, but the SLO counts all requests together: {says}")]
    elif state == "open":
        case.result = [Skipped(f"too few requests to tell: {says}")]
    return case
