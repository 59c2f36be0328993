"""The search for a limit, on made-up services whose limit is known."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.search import Goal, Search, Trial

P95 = Goal("p95 < 200 ms", 0.05, 200.0)
ERRORS = Goal("errors < 0.1 %", 0.001)


def logistic(limit: float, goal: Goal, steepness: float, rate: float) -> float:
    odds = math.log(goal.share / (1 - goal.share)) + steepness * (rate / limit - 1)
    return 1 / (1 + math.exp(-odds))


def hunt(search: Search, limit: float, *, steepness: float = 50.0, seed: int = 1, seconds: float = 25.0, probes: int = 8) -> list[float]:
    """Play a service whose share of late requests is logistic in the load, scattered like a queue's. Gives the loads asked for."""
    random, asked = Random(seed), []
    while len(asked) < probes and (rate := search.ask()) is not None:
        asked.append(rate)
        share = logistic(limit, P95, steepness, rate)
        scatter = 15 * math.sqrt(0.05 / share)
        seen = random.betavariate(share * scatter + 1e-9, (1 - share) * scatter + 1e-9)
        requests = round(rate * seconds)
        search.tell(Trial(rate, requests, (round(seen * requests), 0)))
    return asked


@pytest.mark.parametrize("limit", [150.0, 320.0, 385.0])
def test_a_limit_is_found_within_two_percent(limit: float) -> None:
    """Wherever the limit lies below saturation, eight probes find it within 3 %, and the interval holds it."""
    search = Search([P95, ERRORS], 400.0)
    hunt(search, limit)
    found = search.limits()[0]
    assert found.kind == "point"
    assert found.rate == pytest.approx(limit, rel=0.03)
    assert found.low <= limit <= found.high


def test_one_search_finds_three_limits() -> None:
    """Three latency limits are read from the same probes, in their order."""
    goals = [Goal(f"p95 < {limit} ms", 0.05, limit) for limit in (300.0, 200.0, 150.0)]
    search, random = Search(goals, 400.0), Random(3)
    for _ in range(10):
        rate = search.ask()
        if rate is None:
            break
        shares = [logistic(limit, P95, 60, rate) for limit in (390.0, 384.0, 377.0)]
        search.tell(Trial(rate, 9000, tuple(round(9000 * share * random.uniform(0.7, 1.3)) for share in shares)))
    rates = [found.rate for found in search.limits()]
    assert rates == sorted(rates, reverse=True)
    assert rates == pytest.approx([390, 384, 377], rel=0.02)


def test_a_limit_above_all_that_was_tried_is_only_a_bound() -> None:
    """When no probe missed the goal the answer is "above", and the search goes on upwards."""
    search = Search([P95], 400.0)
    for _ in range(3):
        rate = search.ask()
        assert rate is not None
        search.tell(Trial(rate, 9000, (0,)))
    assert search.limits()[0].kind == "above"
    assert (search.ask() or 0) > max(trial.rate for trial in search.trials)


def test_the_last_probe_closes_the_bracket() -> None:
    """When no probe missed the first goal and one is left, it goes to the far end of the interval: a limit that nothing missed is no answer."""
    search = Search([P95, Goal("p95 < 150 ms", 0.05, 150.0)], 400.0)
    for share in (0.01, 0.02, 0.03):
        rate = search.ask()
        assert rate is not None
        search.tell(Trial(rate, 9000, (round(9000 * share), round(18_000 * share))))
    usual, last = search.ask(), search.ask(last=True)
    assert usual is not None
    assert last is not None
    assert last >= search.limits()[0].high > usual


def test_a_limit_below_all_that_was_tried_is_only_a_bound() -> None:
    """When every probe missed the goal the answer is "below", and the search goes down quickly."""
    search = Search([P95], 400.0)
    for _ in range(8):
        rate = search.ask()
        assert rate is not None
        search.tell(Trial(rate, 9000, (900,)))
    assert search.limits()[0].kind == "below"
    assert min(trial.rate for trial in search.trials) < 150


def test_a_cliff_is_a_band() -> None:
    """Nothing late on one side and most requests on the other, twice each and close together, is reported as a band that holds the edge."""
    search = Search([P95], 400.0)
    for rate, bad in ((370.0, 0), (374.0, 0), (379.0, 8000), (383.0, 8500)):
        search.tell(Trial(rate, 9000, (bad,)))
    found = search.limits()[0]
    assert found.kind == "band"
    assert found.low <= 374
    assert found.high >= 379


def test_errors_that_never_come_are_not_chased() -> None:
    """Without errors up to the latency limit the search does not go on for the load that would make them."""
    search = Search([P95, ERRORS], 400.0)
    asked = hunt(search, 380.0, probes=12)
    assert max(asked) < 1.1 * 380


def test_errors_that_come_first_are_the_limit() -> None:
    """A service that fails long before it is slow: the search leaves the latency and finds where the errors begin."""
    search, random = Search([P95, ERRORS], 400.0), Random(5)
    for _ in range(9):
        rate = search.ask()
        assert rate is not None
        requests = round(rate * 25)
        share = logistic(240.0, ERRORS, 40, rate)
        search.tell(
            Trial(rate, requests, (0, min(requests, round(requests * share * random.uniform(0.8, 1.2)))), errors_alone=requests / 2)
        )
    errors = search.limits()[1]
    assert errors.kind == "point"
    assert errors.rate == pytest.approx(240, rel=0.05)


def test_a_search_ends_when_all_is_known() -> None:
    """On a service without scatter the limits are known before the probes run out, and nothing more is asked for."""
    search = Search([P95], 400.0, precision=0.05)
    for _ in range(30):
        rate = search.ask()
        if rate is None:
            break
        requests = 30_000
        search.tell(Trial(rate, requests, (round(requests * logistic(380, P95, 60, rate)),)))
    assert search.ask() is None
    assert len(search.trials) < 12


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), limit=st.floats(120, 395), steepness=st.floats(20, 110), guess=st.none() | st.floats(100, 420))
def test_loads_stay_within_reason(seed: int, limit: float, steepness: float, guess: float | None) -> None:
    """Whatever the service does, loads asked for are positive and never far above saturation, and the interval holds its own best guess."""
    search = Search([P95, ERRORS], 400.0, guesses=(guess, guess) if guess else ())
    asked = hunt(search, limit, steepness=steepness, seed=seed, probes=5)
    assert all(1.0 <= rate <= 460.0 for rate in asked)
    for found in search.limits():
        assert found.low <= found.rate <= found.high
