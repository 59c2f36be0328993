"""What figures prove, and what they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import bdtr

from loadtests import verdict
from loadtests.result import Block, Verdict
from tests.loadtests import figures

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "verdicts.yaml").read_text())
HOW = ("lag_ms", "loop_lag_ms", "achieved", "cpu", "dispersion")
REST = ("p95_ms", "limited", "stopped")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_verdict_follows_from_the_figures(case: dict[str, Any]) -> None:
    """Each row of cases/verdicts.yaml gets its verdict, with the reason it names."""
    how = figures.generator(**{name: case[name] for name in HOW if name in case})
    rest = {name: case[name] for name in REST if name in case}
    judgement = verdict.judge(figures.measured(case["requests"], case["late"], case["failed"], how=how, **rest), figures.SLO)
    assert judgement.verdict == case["verdict"], judgement.reasons
    assert case.get("says", "") in "; ".join(judgement.reasons)
    assert judgement.reasons


@pytest.mark.parametrize(("found", "code"), [("PASS", 0), ("FAIL", 3), ("INCONCLUSIVE", 6), ("INVALID", 6)])
def test_exit_codes(found: str, code: int) -> None:
    """A verdict ends the command with the exit code that the design gives it."""
    assert Verdict(found).exit_code == code


@given(bad=st.integers(0, 60), requests=st.integers(1, 20_000), share=st.sampled_from([0.05, 0.01, 0.001]))
def test_the_binomial_sum_is_that_of_scipy(bad: int, requests: int, share: float) -> None:
    """The exact sum agrees with scipy's binomial distribution, without its second of import time."""
    assert verdict.at_most(bad, requests, share) == pytest.approx(bdtr(min(bad, requests), requests, share), abs=1e-9)


@pytest.mark.parametrize(
    ("share", "needed"), [(0.05, (59, 93, 124, 208, 336)), (0.01, (299, 473, 628, 1049, 1693)), (0.001, (2995, 4742, 6294, 10511, 16960))]
)
def test_the_fewest_requests_for_a_claim(share: float, needed: tuple[int, ...]) -> None:
    """To claim "fewer than `share` miss" with 95 % confidence after 0, 1, 2, 5, 10 misses takes this many requests, and one less is too few."""
    for bad, requests in zip((0, 1, 2, 5, 10), needed, strict=True):
        assert abs(verdict.fewest(bad, share) - requests) <= requests * 0.01
        exact = verdict.fewest(bad, share)
        assert bdtr(bad, exact, share) <= 0.05 < bdtr(bad, exact - 1, share)


def test_seconds_that_share_their_luck_count_less() -> None:
    """The same misses in one bad second prove less than when they are spread: the design effect thins them."""
    spread = [Block(requests=100, failed=0, late=(4,)) for _ in range(40)]
    bunched = [Block(requests=100, failed=0, late=(80 if second in (10, 11) else 0,)) for second in range(40)]
    even = verdict.judge(figures.measured(4000, 160, 0, blocks=spread), figures.SLO)
    uneven = verdict.judge(figures.measured(4000, 160, 0, blocks=bunched), figures.SLO)
    assert even.verdict is Verdict.PASS
    assert uneven.verdict is Verdict.INCONCLUSIVE


@given(late=st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_the_design_effect_never_adds_requests(late: list[int]) -> None:
    """Whatever the seconds look like, a request never counts as more than one."""
    assert verdict.design_effect([(one, 50) for one in late]) >= 1.0


@given(bad=st.integers(0, 400), requests=st.integers(1, 8000))
def test_a_claim_is_never_held_and_broken(bad: int, requests: int) -> None:
    """More misses never turn a broken claim into a held one."""
    order = {"held": 0, "open": 1, "broken": 2}
    bad = min(bad, requests)
    states = [verdict.settle(count, requests, 0.05) for count in range(0, bad + 1, max(1, bad // 20))]
    assert [order[state] for state in states] == sorted(order[state] for state in states)


def test_the_worst_endpoint_is_named() -> None:
    """The endpoint with the largest share of late answers is named, unless only a handful of requests went there."""
    ends = (figures.endpoint("landing", 2000, 10, 90), figures.endpoint("login", 400, 60, 240), figures.endpoint("admin", 6, 6, 900))
    judgement = verdict.judge(figures.measured(4000, 76, 0, endpoints=ends), figures.SLO)
    assert judgement.worst == "login"
    assert judgement.worst_p95_ms == pytest.approx(240, rel=0.001)


def test_a_load_that_reached_its_number_of_requests_says_so() -> None:
    """A test that ends before its time because it may send no more keeps its verdict, and says how long it was."""
    judged = verdict.judge(figures.measured(4000, 40, 0).model_copy(update={"stopped": "requests", "seconds": 12.0}), figures.SLO)
    assert judged.verdict is Verdict.PASS
    assert "the load ended after 12 of" in judged.reasons[-1]


def test_an_interrupted_run_proves_at_most_a_failure() -> None:
    """Ctrl-C turns a pass into INCONCLUSIVE and says how much was measured; a clear failure stays one."""
    passing = verdict.judge(figures.measured(4000, 0, 0), figures.SLO, interrupted=True)
    failing = verdict.judge(figures.measured(4000, 900, 0, p95_ms=300), figures.SLO, interrupted=True)
    assert passing.verdict is Verdict.INCONCLUSIVE
    assert "interrupted after 30 s of load and 4000 requests" in passing.reasons[0]
    assert failing.verdict is Verdict.FAIL


def test_the_page_says_how_many_requests_prove_it() -> None:
    """docs/load-tests.md names the fewest clean requests for a p95 and for an error ratio below 0.1 %."""
    page = (Path(__file__).parents[2] / "docs" / "load-tests.md").read_text(encoding="utf-8")
    assert f" {verdict.fewest(0, 0.05)} clean requests prove it; an error ratio below 0.1 % takes {verdict.fewest(0, 0.001):,}." in page
