"""The judge on services of known capacity, five minutes of it: searches, builds by turns, a burst, a hold. `make bench-capacity` does it for hours."""

from __future__ import annotations

import os
import statistics
from concurrent.futures import ThreadPoolExecutor

import pytest

from loadtests import run, selftest, soak, spike
from loadtests.plan import Plan
from loadtests.progress import Progress
from loadtests.result import Verdict
from tests.live import bench_capacity

pytestmark = pytest.mark.live
SEARCHES = (0, 2, 4, 7)


def quiet(_: Progress) -> None:
    pass


def search(number: int) -> bench_capacity.Row:
    return bench_capacity.one("search", number, "quick")


def test_searches_of_two_minutes() -> None:
    """Four services at once: every limit is found within 10 %, the median within 5 %, in two minutes each; no judge is INVALID."""
    with ThreadPoolExecutor(len(SEARCHES)) as together:
        rows = list(together.map(search, SEARCHES))
    print(f"\nload average {os.getloadavg()[0]:.1f}")
    for row in rows:
        print(
            f"{row['service']}: {row['verdict']}, {row['found']:.0f} requests/s, truth {row['truth']:.0f} ({row['error']:+.1%}), {row['seconds']:.0f} s"
        )
    errors = [abs(row["error"]) for row in rows]
    assert max(errors) <= 0.10
    assert statistics.median(errors) <= 0.05
    assert all(row["verdict"] != "INVALID" for row in rows)
    assert all(row["seconds"] <= 115 * 1.05 for row in rows)


def plan(port: int, seed: int) -> Plan:
    return selftest.plan(port, seed)


@pytest.mark.parametrize(("work_s", "expected"), [(0.02, {Verdict.PASS, Verdict.INCONCLUSIVE}), (0.0225, {Verdict.FAIL})])
def test_builds_by_turns(work_s: float, expected: set[Verdict]) -> None:
    """The same service twice is no regression; one that works 12.5 % longer (11 % fewer requests) is found."""
    with run.reference("mmc", 1) as base, run.reference("mmc", 2, work_s=work_s) as head:
        found = run.comparison(plan(base, 11), plan(head, 12), ("base", "head"), quiet)
    print(f"\n{found.verdict}: {'; '.join(found.reasons)}")
    assert found.verdict in expected


def test_a_burst_and_after() -> None:
    """A queue that gets 1.5 times what it can do for 15 s is late in the burst, empties its line, and meets its SLO afterwards."""
    with run.reference("mmc", 3) as port:
        found = run.spiked(plan(port, 13), spike.Shape(usual=200, burst=600, usual_s=20.0), quiet)
    print(f"\n{found.verdict}: {'; '.join(found.reasons)}")
    burst = found.steps[1]
    assert burst.latency is None or burst.latency.p95_ms > 200
    assert found.recovery_s is not None
    assert found.verdict is Verdict.PASS, found.reasons


def test_a_hold() -> None:
    """Half a minute in six windows at a load that it holds is a PASS, every request counted once."""
    with run.reference("mmc", 4) as port:
        found = run.soaked(plan(port, 14), soak.Length(seconds=36, window_s=6, warmup_s=2), 200.0, quiet)
    print(f"\n{found.verdict}: {'; '.join(found.reasons)}")
    assert (found.verdict, len(found.p95_ms), found.failed) == (Verdict.PASS, 6, 0)
    assert found.requests == pytest.approx(200 * 36, rel=0.05)
