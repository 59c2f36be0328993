"""From requests to figures."""

from __future__ import annotations

from random import Random

import pytest

from loadtests import recorder
from loadtests.journeys import step
from loadtests.plan import Probe
from loadtests.recorder import Costs, Recorder
from loadtests.result import Measured, Stopped

ENDPOINTS = [step("landing"), step("login")]
COSTS = Costs(cpu_s=0.5, wall_s=10.0, loop_lags_s=[0.001] * 99 + [0.2], client_addresses=7)


def recording(**more: float) -> Recorder:
    return Recorder(Probe(name="p", rate_per_s=10, warmup_s=2, seconds=8, **more), ENDPOINTS, (200.0, 100.0))  # type: ignore[arg-type]


def figures(taken: Recorder, ended: float = 10.0, stopped: Stopped = "") -> Measured:
    return taken.measured(COSTS, ended, stopped)


def test_the_warm_up_does_not_count() -> None:
    """Only requests due after the warm-up and before the end are figures."""
    taken = recording()
    for due in (0.5, 1.99, 2.0, 5.0, 9.99):
        taken.add(0, due, due, due + 0.05, 200, good=True)
    found = figures(taken)
    assert (found.requests, found.seconds, len(found.blocks)) == (3, 8.0, 8)
    assert [block.requests for block in found.blocks] == [1, 0, 0, 1, 0, 0, 0, 1]


def test_latency_counts_from_the_intended_start() -> None:
    """A request that left late was slow for its user; the service's own time stands beside it."""
    taken = recording()
    taken.add(0, 3.0, 3.4, 3.5, 200, good=True)
    found = figures(taken)
    assert found.latency is not None
    assert found.service is not None
    assert found.latency.p95_ms == pytest.approx(500, rel=0.001)
    assert found.service.p95_ms == pytest.approx(100, rel=0.001)
    assert found.generator.start_lag_p99_ms == pytest.approx(400)


def test_a_quick_error_is_no_quick_answer() -> None:
    """Errors count as late for every limit and stay out of the percentiles; what never came counts with its waiting time."""
    taken = recording()
    taken.add(0, 3.0, 3.0, 3.15, 200, good=True)
    taken.add(0, 3.0, 3.0, 3.001, 503, good=False)
    taken.add(1, 3.0, 3.0, 9.0, recorder.UNANSWERED, good=False)
    taken.add(1, 3.0, 3.0, 3.01, 200 + recorder.UNEXPECTED, good=False)
    taken.add(1, 3.0, 3.0, 3.01, 429, good=False)
    found = figures(taken)
    assert (found.failed, found.late, found.limited, found.unanswered) == (4, (4, 5), 1, 1)
    assert found.latency is not None
    assert found.latency.max_ms == pytest.approx(6000, rel=0.001)
    assert found.statuses == {"200 with unexpected content": 1, "503": 1, "429": 1, "200": 1, "unanswered": 1}


def test_endpoints_add_up() -> None:
    """Each step has its own figures, and together they are the whole."""
    taken, random = recording(), Random(1)
    for _ in range(500):
        due = random.uniform(2, 10)
        taken.add(random.randrange(2), due, due, due + random.expovariate(10), 200, good=random.random() > 0.1)
    found = figures(taken)
    assert sum(one.requests for one in found.endpoints) == found.requests == sum(block.requests for block in found.blocks)
    assert sum(one.failed for one in found.endpoints) == found.failed == sum(block.failed for block in found.blocks)
    assert [sum(one.late[i] for one in found.endpoints) for i in (0, 1)] == list(found.late)
    assert {one.path for one in found.endpoints} == {"/", "/api/auth/login"}


def test_a_probe_that_breaks_down_at_once_still_shows_something() -> None:
    """Stopped within its warm-up, a probe shows all it saw."""
    taken = recording()
    for number in range(100):
        taken.add(0, number / 100, number / 100, 1.5, recorder.UNANSWERED, good=False)
    found = figures(taken, ended=1.0, stopped="in-flight")
    assert (found.requests, found.failed, found.stopped, found.seconds) == (100, 100, "in-flight", 1.0)


def test_nothing_is_not_zero() -> None:
    """Without requests there is no latency, no ratio and no lag."""
    found = figures(recording())
    assert (found.latency, found.generator.achieved_ratio, found.generator.start_lag_p99_ms) == (None, None, None)


def test_what_left_after_the_end_was_not_sent_in_time() -> None:
    """A generator that runs behind shows in the share of requests that left within the window."""
    taken = recording()
    for number in range(80):
        due = 2 + number / 10
        taken.add(0, due, due * 1.3, due * 1.3 + 0.01, 200, good=True)
    ratio = figures(taken).generator.achieved_ratio
    assert ratio is not None
    assert 0.6 < ratio < 0.75


def test_even_poisson_and_marching_arrivals_are_told_apart() -> None:
    """The dispersion is about 0 for a metronome, 1 for Poisson arrivals and large for users in step."""
    random = Random(3)
    poisson, now = [], 0.0
    while now < 20:
        now += random.expovariate(100)
        poisson.append(now)
    metronome = [number / 100 for number in range(2000)]
    marching = [float(second) + 0.001 for second in range(20) for _ in range(100)]
    even, random_, bunched = (recorder.dispersion(starts, 0, 20) or -1.0 for starts in (metronome, poisson, marching))
    assert -0.5 < even < 0.1
    assert 0.7 < random_ < 1.4
    assert bunched > 50
    assert recorder.dispersion([1.0, 2.0], 0, 20) is None


def test_littles_law() -> None:
    """Requests in flight are arrivals times their mean time inside."""
    taken = recording()
    for number in range(800):
        due = 2 + number / 100
        taken.add(0, due, due, due + 0.05, 200, good=True)
    assert figures(taken).in_flight == pytest.approx(100 * 0.05, rel=0.01)
