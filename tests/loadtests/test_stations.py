"""The stations that the self-test's services answer by behave as theory says."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.stations import KINDS, Queue, Retrograde, exponential, queue_limit, simulate, simulated_limit, station


def erlang_c(servers: int, load: float) -> float:
    """The chance that an arrival at an M/M/c queue has to wait; `load` is arrival rate over service rate."""
    busy = load**servers / math.factorial(servers) * servers / (servers - load)
    return busy / (sum(load**k / math.factorial(k) for k in range(servers)) + busy)


def p95(found: list[tuple[float, bool]]) -> float:
    ordered = sorted(time for time, _ in found)
    return ordered[int(len(ordered) * 0.95)]


@pytest.mark.parametrize("rate", [200, 320])
def test_the_mean_wait_of_the_queue_is_erlangs(rate: int) -> None:
    """M/M/8 at 20 ms waits as long on average as Erlang-C says."""
    place = Queue(8, exponential(0.02, Random(5)))
    found = simulate(place, rate, 250, Random(6), warmup_s=10)
    load = rate * 0.02
    expected = 0.02 + erlang_c(8, load) / (8 / 0.02 - rate)
    assert sum(time for time, _ in found) / len(found) == pytest.approx(expected, rel=0.06)


def test_a_stall_shows_in_the_tail() -> None:
    """A service that stands still for 0.6 s every 5 s has a p95 of about 500 ms and a median that never saw it."""
    found = list(simulate(station("stall"), 200, 100, Random(2), warmup_s=5))
    times = sorted(time for time, _ in found)
    assert 0.45 < p95(found) < 0.53
    assert times[len(times) // 2] < 0.03


def test_the_cliff_refuses_and_stays_quick() -> None:
    """Above its capacity the cliff answers as many as it can and refuses the rest; below, none."""
    over = simulate(station("cliff"), 600, 20, Random(2), warmup_s=2)
    under = simulate(station("cliff"), 200, 20, Random(2), warmup_s=2)
    assert all(good for _, good in under)
    assert sum(good for _, good in over) / 20 == pytest.approx(400, rel=0.03)
    assert max(time for time, good in over if good) < 0.08


def test_errors_grow_with_the_rate() -> None:
    """The error ramp is clean below its limit and errs above it."""
    clean = simulate(station("errors"), 150, 30, Random(3), warmup_s=3)
    high = simulate(station("errors"), 360, 30, Random(3), warmup_s=3)
    assert all(good for _, good in clean)
    assert 0.02 < sum(not good for _, good in high) / len(high) < 0.10


def test_retrograde_loses_by_more_load() -> None:
    """Past its peak the retrograde service gives less throughput for more users."""

    def throughput(users: int) -> float:
        place, done = Retrograde(8, lambda: 0.02, kappa=0.05), [0.0] * users
        count = 0
        while min(done) < 20:
            first = done.index(min(done))
            done[first] = place.arrive(done[first]).at
            count += 1
        return count / 20

    assert throughput(8) > 1.5 * throughput(200)


@pytest.mark.parametrize(("limit_s", "rate"), [(0.3, 389.5), (0.2, 383.7), (0.15, 377.3)])
def test_the_limit_of_a_queue_is_exact(limit_s: float, rate: float) -> None:
    """Loads at which 5 % of M/M/8 at 20 ms are late agree with tabulated Erlang-C figures, and with a simulation of that load."""
    found = queue_limit(8, 0.02, limit_s, 0.05)
    assert found == pytest.approx(rate, abs=0.1)
    times = simulate(station("mmc", 3), rate, 200, Random(11), warmup_s=10)
    assert sum(time > limit_s for time, _ in times) / len(times) == pytest.approx(0.05, abs=0.025)


def test_a_limit_is_found_by_simulation() -> None:
    """Without a formula the limit comes from simulations, and agrees with the formula where there is one."""
    assert simulated_limit(lambda: station("mmc", 3), 400.0, 0.05, 0.2, seconds=25) == pytest.approx(383.7, rel=0.03)


@settings(max_examples=30)
@given(kind=st.sampled_from(KINDS), rate=st.floats(5, 900), seed=st.integers(0, 999))
def test_nobody_leaves_before_they_come(kind: str, rate: float, seed: int) -> None:
    """Whatever the station and the rate, every time in the system is at least zero."""
    assert all(time >= 0 for time, _ in simulate(station(kind, seed), rate, 2, Random(seed)))
