"""Load tests as JUnit cases for CI: one for each SLO, phase and endpoint. Held passes, broken fails, open is skipped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
            suite.add_testcase(case)
    document = JUnitXml("loadtest")
    document.add_testsuite(suite)
    written: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return written.decode()


def _cases(measured: Measured | None, phase: int, slo: Slo) -> Iterable[TestCase]:
    if measured is None or float(slo.p95_ms) not in measured.limits_ms:
        return
    index = measured.limits_ms.index(float(slo.p95_ms))
    for endpoint in measured.endpoints:
        yield _case(phase, endpoint, f"p95 < {slo.p95_ms} ms", endpoint.late[index], verdict.LATE_RATIO)
        yield _case(phase, endpoint, f"errors < {percent(slo.error_ratio)}", endpoint.failed, slo.error_ratio)


def _case(phase: int, endpoint: Endpoint, slo: str, bad: int, share: float) -> TestCase:
    case = TestCase(
        f"{endpoint.name}: {slo}", classname=f"loadtest.phase{phase}", time=(endpoint.latency.p95_ms if endpoint.latency else 0.0) / 1000
    )
    state = verdict.settle(bad, endpoint.requests, share)
    says = f"{bad} of {endpoint.requests} requests missed it, {percent(share)} may"
    if state == "broken":
        case.result = [Failure(says)]
    elif state == "open":
        case.result = [Skipped(f"too few requests to tell: {says}")]
    return case
