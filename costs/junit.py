"""A gate or an audit as JUnit XML: what build servers show as tests."""

from __future__ import annotations

from collections.abc import Iterable

from costs.audit.model import KINDS, Audit
from costs.budget import Verdict


def of_gate(verdict: Verdict) -> str:
    """One case for each limit; what cannot be told is an error, what is passed over a failure."""
    return _suite(
        "cost gate", [(check.name, check.answer, f"{check.value}, limit {check.limit}. {check.evidence}") for check in verdict.checks]
    )


def of_audit(audit: Audit) -> str:
    """One case for each contradiction, one that passes when there is none."""
    found = [(f"{one.kind} {one.where}", "fail", f"{KINDS[one.kind]}: {one.text}") for one in audit.contradictions]
    return _suite("cost audit", found or [("no contradiction", "pass", "")])


def _suite(name: str, cases: Iterable[tuple[str, str, str]]) -> str:
    from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite  # noqa: PLC0415 - only this form needs it

    suite = TestSuite(name)
    for title, answer, text in cases:
        case = TestCase(title, classname=name.replace(" ", "."))
        if answer == "fail":
            case.result = [Failure(text)]
        elif answer == "unknown":
            case.result = [Error(text)]
        suite.add_testcase(case)
    report = JUnitXml()
    report.add_testsuite(suite)
    found: bytes = report.tostring()  # type: ignore[no-untyped-call]
    return found.decode("utf-8")
