"""A search as a page, a summary and JUnit cases."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import capacity, conclude, findings, hunt, junit, report, verdict
from loadtests.charts import Axis, Chart, Points, Rule
from loadtests.result import CapacityResult, Machine, Peak, Result, Verdict, percent
from loadtests.stations import station
from tests.loadtests import figures, imitation

MACHINE = Machine(text="2 cores, 8 GB, this machine", fingerprint="0123456789ab")
RATIOS = {1: capacity.Ratio(10.0, "the target of phase 1"), 2: capacity.Ratio(12.5, "the target of phase 2")}


@functools.cache
def whole(seed: int) -> CapacityResult:
    return searched(seed)


def searched(seed: int, **more: object) -> CapacityResult:
    asked = imitation.plan(200.0, 300.0)
    service = imitation.Service(asked, lambda one: station("mmc", one), seed=seed)
    found = hunt.Hunt(asked, hunt.QUICK, service.measure, lambda _: None, service.now, allow_overload=True).run()
    around = conclude.Circumstances("2026-11-21T03:00:00+00:00", MACHINE, RATIOS, service.clock, "quick")
    uses = {step.measured.probe.name: {"CPU of backend-1": 0.97} for step in found.steps}
    return conclude.conclude(asked, found, around, uses).model_copy(update=more)


@pytest.fixture(scope="module")
def answer() -> CapacityResult:
    return whole(11)


class Page(HTMLParser):
    """Tags that are open, what loads something, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br", "line", "rect", "circle", "polyline"}:
            self.stack.append(tag)
        self.loads += [f"{tag} {name}" for name, value in attrs if name in {"src", "href", "data"} and value]

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"line", "rect", "circle", "polyline"}:
            assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_whole_and_alone(answer: CapacityResult) -> None:
    """The page is well nested, loads nothing, stays far below 2 MB, and has a light and a dark face."""
    text = report.html(answer, whole(12))
    page = Page(text)
    assert page.stack == []
    assert page.loads == []
    assert "url(" not in text
    assert "@import" not in text
    assert len(text.encode()) < 200_000
    assert "prefers-color-scheme: dark" in text


def test_the_page_answers_the_question(answer: CapacityResult) -> None:
    """Verdict, users, limits, the binding resource and every probe stand in the page; the base run is named."""
    words = " ".join(Page(report.html(answer, whole(12).model_copy(update={"run": "feedc0de"}))).words)
    own = answer.capacities[0]
    for wanted in (
        answer.verdict.value,
        f"{own.concurrent.middle:,}",
        f"{own.limit.rate:,.0f}",
        "CPU of backend-1 is used up",
        "200 ms",
        "run feedc0de",
    ):
        assert wanted in words
    for step in answer.steps:
        assert step.measured.probe.name in words


def test_text_from_elsewhere_cannot_become_markup(answer: CapacityResult) -> None:
    """Names that hold markup are shown as text."""
    evil = answer.model_copy(update={"environment": "<script>alert(1)</script>", "reasons": ("<img src=x onerror=alert(1)>",)})
    text = report.html(evil)
    assert "<script>" not in text
    assert "<img" not in text


@pytest.mark.parametrize("update", [{"capacities": (), "steps": (), "binding": None, "response_ms": None}, {"interrupted": True}])
def test_a_search_without_an_answer_has_a_page_too(answer: CapacityResult, update: dict[str, object]) -> None:
    """Without limits, or without any probe, the page still says why."""
    bare = answer.model_copy(update={**update, "verdict": Verdict.INVALID, "reasons": ("requests left up to 90 ms late",)})
    assert "requests left up to 90 ms late" in report.html(bare)
    assert "INVALID" in report.markdown(bare)


FITTED = {"contention": 0.02, "coherency": 0.0005}


@pytest.mark.parametrize(
    ("law", "says"),
    [
        ({"users": 44.3, "rate": 510.0, "spread": 0.035, "curve_users": 44.3, "most_users": 64.0}, ("510 requests/s (492 to 528, nine times in ten)", "at 44 users", "reach 64 users, 144% of it.")),
        ({"users": 44.3, "rate": 510.0, "spread": 0.07, "curve_users": 44.3, "most_users": 36.0}, ("(474 to 546,", "81% of it; they end before it")),
        ({"curve_users": 44.3, "most_users": 20.0}, ("not told", "reach 20 users", "45% of where", "extrapolating is refused below 75%")),
        ({"curve_users": 30.6, "most_users": 64.0}, ("none shown", "levels off", "Nothing is extrapolated")),
        ({"most_users": 64.0}, ("none up to the 64 users", "Nothing is extrapolated")),
    ],
)  # fmt: skip
def test_the_peak_and_how_far_the_data_reach(answer: CapacityResult, law: dict[str, float], says: tuple[str, ...]) -> None:
    """A peak comes with its interval; one that the data do not show is refused with the reason. Page, summary and terminal say the same."""
    told = answer.model_copy(update={"peak": Peak.model_validate({"users": None, "rate": None, "spread": None} | FITTED | law)})
    line = findings.peak(told)
    for part in says:
        assert part in line
    assert line in report.markdown(told)
    assert line in " ".join(Page(report.html(told)).words)


def test_too_few_loads_have_no_peak(answer: CapacityResult) -> None:
    """Without four different numbers of users there is no fit, and the line says how to play them; without a probe there is no line."""
    ramped = tuple(step for step in answer.steps if step.kind != "saturation")
    few = findings.peak(answer.model_copy(update={"peak": None, "steps": ramped}))
    assert "not fitted, it takes 4 different numbers of users without a pause, 1 counted (--allow-overload plays more)" in few
    assert findings.peak(answer.model_copy(update={"peak": None, "steps": ()})) == ""
    assert "does not describe" in findings.peak(answer.model_copy(update={"peak": None}))


def test_an_older_result_says_nothing_of_its_peak(answer: CapacityResult) -> None:
    """A result that was kept before it was known how far its data reach has a page as before."""
    document = answer.document()
    document.pop("exit_code")
    document.pop("watched")
    for one in document["capacities"]:
        del one["registered_per_concurrent"], one["ratio_source"]
    document["peak"] = {"users": None, "rate": None, "spread": None} | FITTED
    old = CapacityResult.model_validate(document)
    assert findings.peak(old) == ""
    assert "One of 10.0 registered users" in report.html(old)


def test_the_summary(answer: CapacityResult, golden: Callable[[str, str], None]) -> None:
    """The Markdown for a pull request is as its golden file."""
    golden("loadtests/capacity.md", report.markdown(answer))


def cases(text: str) -> dict[str, str]:
    """JUnit case → passed, failure or skipped."""
    found = {}
    for case in ElementTree.fromstring(text).iter("testcase"):
        found[f"{case.get('classname')} {case.get('name')}"] = next((child.tag for child in case), "passed")
    return found


def test_junit_has_a_case_for_each_slo_phase_and_endpoint(answer: CapacityResult) -> None:
    """Both SLOs of both phases are cases of the endpoint and of all requests, and the verdict is one of its own."""
    found = cases(junit.of_capacity(answer, imitation.plan(200.0, 300.0).slos))
    assert found["loadtest.capacity verdict"] == "passed"
    assert found["loadtest.phase1 GET /: p95 < 200 ms"] == "passed"
    assert found["loadtest.phase2 GET /: p95 < 300 ms"] == "passed"
    assert found["loadtest.phase2 all requests: p95 < 300 ms"] == "passed"
    assert len(found) == 9


def probed(late: dict[str, int], **changes: object) -> Result:
    """A probe of 4,400 requests to two endpoints, with so many late ones of each."""
    endpoints = (figures.endpoint("browse", 4000, late["browse"], 90), figures.endpoint("login", 400, late["login"], 90))
    measured = figures.measured(4400, sum(late.values()), 0, endpoints=endpoints).model_copy(update=changes)
    return Result(
        run="0123abcd", when="2026-11-21T03:00:00+00:00", profile="rate", platform="codementee", phase=2, environment="local", target="https://localhost",
        version="1.0.0", machine=MACHINE, slo=figures.SLO, measured=measured, judgement=verdict.judge(measured, figures.SLO),
    )  # fmt: skip


def test_junit_and_the_exit_code_say_the_same() -> None:
    """An endpoint that misses alone what all requests hold is told and not failed; where all miss it, it fails; INVALID figures fail nothing."""
    case = "loadtest.phase2 login: p95 < 200 ms"
    alone = probed({"browse": 10, "login": 90})
    assert alone.judgement.verdict is Verdict.PASS
    assert cases(junit.of_smoke(alone))[case] == "skipped"
    missed = probed({"browse": 900, "login": 90})
    assert missed.judgement.verdict is Verdict.FAIL
    assert cases(junit.of_smoke(missed))[case] == "failure"
    invalid = probed({"browse": 900, "login": 90}, limited=2000)
    assert invalid.judgement.verdict is Verdict.INVALID
    assert set(cases(junit.of_smoke(invalid)).values()) == {"skipped"}


def test_junit_judges_another_phase_at_that_phases_load() -> None:
    """A passed search of the phase with the loosest limit has no failed case: the stricter phases are held against loads below their own limits."""
    service = imitation.Service(asked := imitation.plan(3000.0, 60.0), lambda one: station("mmc", one), seed=11)
    found = hunt.Hunt(asked, hunt.DEFAULT, service.measure, lambda _: None, service.now, allow_overload=True).run()
    around = conclude.Circumstances("2026-11-21T03:00:00+00:00", MACHINE, RATIOS, service.clock, "default")
    answer = conclude.conclude(asked, found, around, {})
    sustained = [step.measured for step in answer.steps if step.kind == "sustain" and step.told][-1]
    assert verdict.settle(sustained.late[1], sustained.requests, 0.05) == "broken", "the own load is too much for the stricter phase"
    assert "failure" not in cases(junit.of_capacity(answer, asked.slos)).values()


def test_junit_is_named_after_the_profile() -> None:
    """Cases of `--rate` are not called a smoke test."""
    assert "loadtest.rate verdict" in cases(junit.of_smoke(probed({"browse": 10, "login": 0})))


@pytest.mark.parametrize(("share", "text"), [(0.001, "0.1%"), (0.0005, "0.05%"), (0.0001, "0.01%"), (0.05, "5%"), (0.01, "1%")])
def test_an_error_ratio_keeps_its_digits(share: float, text: str) -> None:
    """A limit of 0.05 % is not told as 0.1 %, one of 0.01 % not as none."""
    asked = figures.SLO.model_copy(update={"error_ratio": share})
    assert percent(share) == text
    assert f"the limit is {text}" in " ".join(verdict.judge(figures.measured(4000, 0, 900), asked).reasons)


def test_junit_says_what_failed_and_what_is_open() -> None:
    """A slow endpoint is a failure, one with a handful of requests is skipped, and the verdict carries the reason."""
    ends = (figures.endpoint("landing", 4000, 10, 90), figures.endpoint("login", 400, 90, 260), figures.endpoint("admin", 6, 0, 50))
    measured = figures.measured(4406, 400, 0, p95_ms=230, endpoints=ends)
    result = Result(
        run="0123abcd", when="2026-11-21T03:00:00+00:00", profile="smoke", platform="codementee", phase=2, environment="local", target="https://localhost",
        version="1.0.0", machine=MACHINE, slo=figures.SLO, measured=measured, judgement=verdict.judge(measured, figures.SLO),
    )  # fmt: skip
    found = cases(junit.of_smoke(result))
    assert found["loadtest.smoke verdict"] == "failure"
    assert found["loadtest.phase2 landing: p95 < 200 ms"] == "passed"
    assert found["loadtest.phase2 login: p95 < 200 ms"] == "failure"
    assert found["loadtest.phase2 admin: p95 < 200 ms"] == "skipped"


@given(low=st.floats(0.1, 1000), width=st.floats(0.5, 10_000), value=st.floats(-10_000, 20_000), log=st.booleans())
def test_nothing_is_drawn_outside_of_the_chart(low: float, width: float, value: float, log: bool) -> None:
    """Whatever the value, its place is within the axis, and ticks lie on it."""
    axis = Axis("x", low, low + width, log)
    assert 0.0 <= axis.at(max(value, 0.001) if log else value) <= 1.0
    ticks = axis.ticks()
    assert len(ticks) <= 24
    assert all(low - 1e-9 * low <= tick <= (low + width) * (1 + 1e-9) for tick in ticks)


def test_a_chart_names_its_parts() -> None:
    """Marks carry what they mean, limits their names, and the whole a label for screen readers."""
    chart = Chart(
        "A & B",
        Axis("x", 0, 10),
        Axis("y", 1, 1000, log=True),
        [Points("p", "probe", [(5, 100, "five")], line=True)],
        [Rule(200, "200 ms")],
    )
    text = chart.svg()
    assert 'aria-label="A &amp; B"' in text
    assert "<title>five</title>" in text
    assert "200 ms" in text
    places = [float(one) for one in re.findall(r'c[xy]="([\d.]+)"', text)]
    assert all(math.isfinite(place) for place in places)
