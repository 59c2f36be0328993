"""Load tests as JUnit cases for CI: one for each SLO, phase and endpoint. Held passes, broken fails, open is skipped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from loadtests import report, verdict
from loadtests.result import CapacityResult, Endpoint, Measured, Result, Verdict
from phases.model import Slo


def of_smoke(result: Result) -> str:
    """The cases of a smoke test: the own phase's SLO for every endpoint and for all together."""
    return _xml("smoke", result.measured, {result.phase: result.slo}, result.judgement.verdict, result.judgement.reasons)


def of_capacity(result: CapacityResult, slos: Mapping[int, Slo]) -> str:
    """The cases of a search: each phase's SLO for every endpoint in the load that was sustained, else in the one nearest to the limit."""
    sustained = [step.measured for step in result.steps if step.kind == "sustain" and step.told]
    return _xml("capacity", sustained[-1] if sustained else report.near_limit(result), slos, result.verdict, result.reasons)


def of_verdict(name: str, found: Verdict, reasons: Iterable[str]) -> str:
    """One case: the verdict of a load test that has no endpoints of its own to tell."""
    return _xml(name, None, {}, found, reasons)


def _xml(name: str, measured: Measured | None, slos: Mapping[int, Slo], found: Verdict, reasons: Iterable[str]) -> str:
    whole = TestCase("verdict", classname=f"loadtest.{name}")
    text = "; ".join(reasons)
    if found is Verdict.FAIL:
        whole.result = [Failure(text)]
    elif found is not Verdict.PASS:
        whole.result = [Skipped(f"{found.value}: {text}")]
    suite = TestSuite(f"loadtest {name}")
    suite.add_testcase(whole)
    for phase, slo in slos.items():
        for case in _cases(measured, phase, slo) if measured else ():
            suite.add_testcase(case)
    document = JUnitXml("loadtest")
    document.add_testsuite(suite)
    written: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return written.decode()


def _cases(measured: Measured, phase: int, slo: Slo) -> Iterable[TestCase]:
    if float(slo.p95_ms) not in measured.limits_ms:
        return
    index = measured.limits_ms.index(float(slo.p95_ms))
    for endpoint in measured.endpoints:
        yield _case(phase, endpoint, f"p95 < {slo.p95_ms} ms", endpoint.late[index], verdict.LATE_RATIO)
        yield _case(phase, endpoint, f"errors < {slo.error_ratio:.1%}", endpoint.failed, slo.error_ratio)


def _case(phase: int, endpoint: Endpoint, slo: str, bad: int, share: float) -> TestCase:
    case = TestCase(
        f"{endpoint.name}: {slo}", classname=f"loadtest.phase{phase}", time=(endpoint.latency.p95_ms if endpoint.latency else 0.0) / 1000
    )
    state = verdict.settle(bad, endpoint.requests, share)
    says = f"{bad} of {endpoint.requests} requests missed it, {share:.1%} may"
    if state == "broken":
        case.result = [Failure(says)]
    elif state == "open":
        case.result = [Skipped(f"too few requests to tell: {says}")]
    return case
